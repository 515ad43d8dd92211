"""Calls every method of openapi-generator's Python client on a running gateway: every_method.py URL."""

import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openapi_client as api

DATA = Path(__file__).parents[1] / "training/data"


def main(web: str) -> None:
    """Call them in an order in which all can succeed."""
    called: set[str] = set()
    with api.ApiClient(api.Configuration(host=web)) as client:
        services = [
            service(client)
            for service in (
                api.AccessServiceApi,
                api.AuditServiceApi,
                api.EmployeeServiceApi,
                api.ModelServiceApi,
                api.PredictionHistoryServiceApi,
                api.PredictionServiceApi,
                api.StatusServiceApi,
            )
        ]

        def call(method: str, *args: object, **kwargs: object) -> object:
            called.add(method)
            return getattr(next(s for s in services if hasattr(s, method)), method)(*args, **kwargs)

        employees(call)
        access(call)
        models(call)
        predictions(call)
    every = {
        name.removesuffix("_with_http_info")
        for service in services
        for name in dir(service)
        if name.endswith("_with_http_info")
    }
    assert called == every, f"not called: {every - called}"


def employees(call) -> None:
    """Employees: imported, listed, made, changed and deleted."""
    files = {
        name: (f"{name}.csv", (DATA / f"{name}.csv").read_bytes())
        for name in ("extrait_sirh", "extrait_eval", "extrait_sondage")
    }
    report = call("import_employees", validate_only=True, **files)
    assert report.employee_count == 1470 and report.categories, report
    page = call("list_employees", page_size=2, order_by="id", department="Commercial")
    assert len(page.employees) == 2 and page.next_page_token, page
    profile = page.employees[0].profile
    made = call("create_employee", api.Employee(display_name="Zoé", profile=profile))
    assert call("get_employee", made.id).display_name == "Zoé"
    changed = call(
        "update_employee",
        made.id,
        api.Employee(display_name="Zoé B.", etag=made.etag),
        update_mask="displayName",
    )
    assert changed.display_name == "Zoé B." and changed.profile == profile, changed
    try:
        call("delete_employee", made.id, etag=made.etag)
    except api.ApiException as refused:
        if refused.status != 412:
            raise
    call("delete_employee", made.id, etag=changed.etag)


def access(call) -> None:
    """Somebody is erased, which is on record; keys are made, listed and revoked."""
    made = call("create_employee", api.Employee(display_name="Ana"))
    assert call("erase_employee", made.id).record_erased
    assert any(made.id in event.employee_ids for event in call("list_audit_events", employee=made.id).events)
    key = call("create_key", api.CreateKeyBody(name="payroll", roles=["scorer"], lifetime_days=30))
    assert key.secret.startswith("fsk_") and key.key.expire_time, key
    assert key.key.id in [k.id for k in call("list_keys").keys]
    assert call("revoke_key", key.key.id).revoke_time


def models(call) -> None:
    """Models: read, changed over, unloaded and loaded."""
    assert {s.environment for s in call("get_status").services} == {"dev"}
    assert [model.name for model in call("list_models").models] == ["attrition"]
    assert call("get_model", "attrition").champion.version == 1
    assert len(call("list_model_versions", "attrition").model_versions) == 2
    assert call("get_model_version", "attrition", 2).features
    assert call("list_feature_curves", "attrition", 1).feature_curves[0].points
    body = api.SetModelAliasBody(alias="champion", version=2, comment="try", changed_by="tests")
    assert call("set_model_alias", "attrition", body).aliases["champion"] == 2
    assert (
        call("rollback_model_alias", "attrition", api.RollbackModelAliasBody(alias="champion")).aliases[
            "champion"
        ]
        == 1
    )
    call("set_model_alias", "attrition", api.SetModelAliasBody(alias="challenger"))
    assert (
        call("unload_model_version", "attrition", 2, {}).state
        == api.ModelVersionState.MODEL_VERSION_STATE_AVAILABLE
    )
    assert (
        call("load_model_version", "attrition", 2, {}).state
        == api.ModelVersionState.MODEL_VERSION_STATE_READY
    )
    assert call("refresh_models", {}).models


def predictions(call) -> None:
    """Predictions: made in all ways, and read again."""
    profile = call("get_model", "attrition").champion.example_profile
    key = str(uuid.uuid4())
    one = call(
        "predict",
        "attrition",
        api.PredictBody(profile=profile, explain=api.ExplainOptions(top=3)),
        idempotency_key=key,
    )
    assert 0 < one.probability < 1 and len(one.explanation.contributions) == 3, one
    assert (
        call(
            "predict",
            "attrition",
            api.PredictBody(profile=profile, explain=api.ExplainOptions(top=3), requestId=key),
        ).id
        == one.id
    )
    several = call(
        "batch_predict", "attrition", api.BatchPredictBody(profiles=[profile, api.EmployeeProfile(age=41)])
    )
    good, bad = several.results
    assert (
        (good.index or 0, bad.index) == (0, 1)
        and good.prediction.probability == one.probability
        and not good.error
    ), several
    assert bad.error.violations and not bad.prediction, several
    scored = call(
        "predict_employees",
        "attrition",
        api.PredictEmployeesBody(employeeIds=[4, 5], explain=api.ExplainOptions()),
    )
    assert [result.prediction.employee_id for result in scored.results] == [4, 5], scored
    assert scored.results[1].prediction.explanation.contributions, scored
    explained = call("explain", "attrition", api.ExplainBody(profile=profile, counterfactual=True))
    assert explained.score.explanation.contributions and explained.counterfactual, explained
    assert call("get_prediction", one.id).explanation.contributions
    since = datetime.now(UTC) - timedelta(minutes=5)
    recent = call("list_predictions", create_time_from=since, page_size=3, include_explanations=True)
    assert len(recent.predictions) == 3 and recent.total_size >= 4, recent
    assert call("list_predictions_by_employee", 4, include_previous=True).predictions[0].employee_id == 4
    assert call("list_prediction_conflicts").conflicts == []


if __name__ == "__main__":
    main(sys.argv[1])
