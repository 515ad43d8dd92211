// What a page can do besides plain links and forms. All of it is a convenience: without
// this file every screen still works.
"use strict";

(function () {
  // Tick or untick every row of the table, and say how many are ticked.
  function countTicked(table) {
    const boxes = [...table.querySelectorAll("input[name=id]")];
    const ticked = boxes.filter((box) => box.checked).length;
    const all = table.querySelector("[data-tick-all]");
    if (all) {
      all.checked = ticked > 0 && ticked === boxes.length;
      all.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    for (const count of document.querySelectorAll("[data-ticked]")) {
      count.textContent = String(ticked);
    }
  }

  document.addEventListener("change", (event) => {
    const table = event.target.closest("[data-tickable]");
    if (!table) return;
    if (event.target.matches("[data-tick-all]")) {
      for (const box of table.querySelectorAll("input[name=id]")) {
        box.checked = event.target.checked;
      }
    }
    countTicked(table);
  });

  // A slider says where it stands.
  document.addEventListener("input", (event) => {
    if (event.target.type !== "range") return;
    const output = document.querySelector(`output[for="${CSS.escape(event.target.id)}"]`);
    if (output) output.textContent = event.target.value;
  });

  // A print button prints; without this file it is not shown.
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
  document.documentElement.classList.add("scripted");

  // What the server answers to an error is shown like any other answer.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const status = event.detail.xhr.status;
    if (status >= 400) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
})();
