"""Reads all of openapi-python-client's client, and scores with it: attrs_client.py URL."""

import importlib
import pkgutil
import sys

import futurisys_client
from futurisys_client.api.model_service import get_model
from futurisys_client.api.prediction_service import batch_predict
from futurisys_client.models import BatchPredictBody, EmployeeProfile


def main(web: str) -> None:
    """Import every module, then score a good row and a bad one."""
    for module in pkgutil.walk_packages(futurisys_client.__path__, "futurisys_client."):
        importlib.import_module(module.name)
    client = futurisys_client.Client(base_url=web)
    profile = get_model.sync("attrition", client=client).champion.example_profile
    answer = batch_predict.sync(
        "attrition", client=client, body=BatchPredictBody(profiles=[profile, EmployeeProfile()])
    )
    good, bad = answer.results
    assert 0 < good.prediction.probability < 1 and bad.index == 1 and bad.error.violations, answer


if __name__ == "__main__":
    main(sys.argv[1])
