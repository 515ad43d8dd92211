// Calls every method of openapi-generator's TypeScript client on a running gateway:
// every_method.js URL.
import { strict as assert } from "node:assert";
import * as api from "./typescript-fetch";

type Method = (...args: never[]) => Promise<unknown>;

// watched notes which methods are called.
function watched<T extends api.BaseAPI>(service: T, called: Set<string>): T {
  return new Proxy(service, {
    get(target, name, receiver) {
      called.add(String(name));
      return Reflect.get(target, name, receiver);
    },
  });
}

// methodsOf are the methods that make a request.
function methodsOf(service: api.BaseAPI): string[] {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(service) as Record<string, Method>)
    .filter((name) => name.endsWith("Raw"))
    .map((name) => name.slice(0, -"Raw".length));
}

async function main(web: string): Promise<void> {
  const configuration = new api.Configuration({ basePath: web });
  const called = new Set<string>();
  const access = watched(new api.AccessServiceApi(configuration), called);
  const audit = watched(new api.AuditServiceApi(configuration), called);
  const employees = watched(new api.EmployeeServiceApi(configuration), called);
  const models = watched(new api.ModelServiceApi(configuration), called);
  const history = watched(new api.PredictionHistoryServiceApi(configuration), called);
  const predictions = watched(new api.PredictionServiceApi(configuration), called);
  const status = watched(new api.StatusServiceApi(configuration), called);
  const model = "attrition";

  const report = await employees.importEmployees({ validateOnly: true, joined: new Blob(["id_employee;age;genre\n"]) });
  assert(report.problems?.length);
  const page = await employees.listEmployees({ pageSize: 2, orderBy: "id", department: "Commercial" });
  assert.equal(page.employees?.length, 2);
  const profile = page.employees?.[0]?.profile;
  assert(profile);
  const made = await employees.createEmployee({ employee: { displayName: "Zoé", profile } });
  assert(made.id && made.etag);
  assert.equal((await employees.getEmployee({ employee: made.id })).displayName, "Zoé");
  const changed = await employees.updateEmployee({
    employee: made.id,
    employee2: { displayName: "Zoé B.", etag: made.etag },
    updateMask: "displayName",
  });
  assert.deepEqual(changed.profile, profile);
  await employees.deleteEmployee({ employee: made.id, etag: changed.etag ?? "" });

  const erased = await employees.createEmployee({ employee: { displayName: "Ana" } });
  assert(erased.id);
  assert((await employees.eraseEmployee({ employee: erased.id })).recordErased);
  assert((await audit.listAuditEvents({ employee: erased.id })).events?.some((event) => event.action === "EraseEmployee"));
  const key = await access.createKey({ createKeyBody: { name: "payroll", roles: ["scorer"], lifetimeDays: 30 } });
  assert(key.secret?.startsWith("fsk_") && key.key?.id);
  assert((await access.listKeys()).keys?.length);
  assert((await access.revokeKey({ key: key.key.id })).revokeTime);

  assert((await status.getStatus()).services?.every((service) => service.environment === "dev"));
  assert.equal((await models.listModels()).models?.[0]?.name, model);
  const champion = (await models.getModel({ model })).champion;
  assert.equal(champion?.version, 1);
  assert.equal((await models.listModelVersions({ model })).modelVersions?.length, 2);
  assert((await models.getModelVersion({ model, version: 2 })).features?.length);
  assert((await models.listFeatureCurves({ model, version: 1 })).featureCurves?.[0]?.points?.length);
  const moved = await models.setModelAlias({ model, setModelAliasBody: { alias: "champion", version: 2, comment: "try" } });
  assert.equal(moved.aliases?.champion, 2);
  const back = await models.rollbackModelAlias({ model, rollbackModelAliasBody: { alias: "champion" } });
  assert.equal(back.aliases?.champion, 1);
  await models.setModelAlias({ model, setModelAliasBody: { alias: "challenger" } });
  await models.unloadModelVersion({ model, version: 2, body: {} });
  const loaded = await models.loadModelVersion({ model, version: 2, body: {} });
  assert.equal(loaded.state, api.ModelVersionState.ModelVersionStateReady);
  assert((await models.refreshModels({ body: {} })).models?.length);

  const row = champion?.exampleProfile;
  assert(row);
  const one = await predictions.predict({ model, predictBody: { profile: row, explain: { top: 3 } } });
  assert.equal(one.explanation?.contributions?.length, 3);
  const several = await predictions.batchPredict({ model, batchPredictBody: { profiles: [row, { age: 41 }] } });
  assert.equal(several.results?.[0]?.prediction?.probability, one.probability);
  assert.equal(several.results?.[1]?.index, 1);
  assert(several.results?.[1]?.error?.violations?.length);
  const scored = await predictions.predictEmployees({ model, predictEmployeesBody: { employeeIds: new Set([4, 5]), explain: {} } });
  assert.deepEqual(scored.results?.map((result) => result.prediction?.employeeId), [4, 5]);
  const explained = await predictions.explain({ model, explainBody: { profile: row, counterfactual: true } });
  assert(explained.score?.explanation?.contributions?.length);

  assert(one.id);
  assert.equal((await history.getPrediction({ prediction: one.id })).explanation?.contributions?.length, 3);
  const recent = await history.listPredictions({ createTimeFrom: new Date(Date.now() - 300_000), pageSize: 3 });
  assert.equal(recent.predictions?.length, 3);
  assert((recent.predictions?.[0]?.createTime ?? new Date(0)) > new Date(Date.now() - 300_000));
  assert.equal((await history.listPredictionsByEmployee({ employee: 4 })).predictions?.[0]?.employeeId, 4);
  assert.deepEqual((await history.listPredictionConflicts()).conflicts ?? [], []);

  for (const service of [access, audit, employees, models, history, predictions, status]) {
    for (const method of methodsOf(service)) {
      assert(called.has(method), `${method} was not called`);
    }
  }
}

main(process.argv[2] ?? "").catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
