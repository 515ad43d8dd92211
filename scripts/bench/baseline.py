"""What such projects run today, to measure beside: FastAPI, pandas, XGBoost, SQLAlchemy.

Written as they are written, with no trick for or against it: a pydantic row becomes
a one-row DataFrame, a scikit-learn pipeline with one-hot columns and XGBoost scores
it, and a session inserts and commits the answer. `uvicorn baseline:app --workers 2`
with BASELINE_DATABASE_URL; the model is trained when a worker starts.
"""

import os
import sys
from pathlib import Path

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sqlalchemy import JSON, Column, DateTime, Float, Integer, create_engine, func
from sqlalchemy.orm import declarative_base, sessionmaker
from xgboost import XGBClassifier

TRAINING = Path(__file__).parents[1] / "training"
sys.path.insert(0, str(TRAINING))

from futurisys_training import extracts  # noqa: E402
from futurisys_training.features import INPUTS  # noqa: E402

CATEGORIES = [f.name for f in INPUTS if f.kind == "category"]


class Row(BaseModel):
    """A row by the API's names."""

    model_config = ConfigDict(alias_generator=to_camel)

    monthly_income: int
    department: str
    job_title: str
    previous_employers: int
    total_experience_years: int
    tenure_years: int
    years_in_position: int
    environment_satisfaction: int
    job_satisfaction: int
    team_satisfaction: int
    work_life_balance: int
    previous_rating: int
    current_rating: int
    job_level: int
    overtime: bool
    last_raise_percent: int
    savings_plan_participations: int
    trainings_last_year: int
    commute_distance: int
    education_level: int
    field_of_study: str
    business_travel: str
    years_since_promotion: int
    years_under_manager: int


class Request(BaseModel):
    """The body, as Futurisys takes it."""

    profile: Row


Base = declarative_base()


class Record(Base):
    """A recorded prediction."""

    __tablename__ = "baseline_predictions"

    id = Column(Integer, primary_key=True)
    profile = Column(JSON, nullable=False)
    probability = Column(Float, nullable=False)
    create_time = Column(DateTime, server_default=func.now())


def train() -> Pipeline:
    """The pipeline, fitted on the training employees."""
    people, _ = extracts.split(extracts.read(TRAINING / "data"), 42)
    rows, outcomes = extracts.profiles(people), extracts.outcome(people)
    one_hot = ColumnTransformer(
        [("categories", OneHotEncoder(handle_unknown="ignore"), CATEGORIES)], remainder="passthrough"
    )
    model = XGBClassifier(n_estimators=250, max_depth=2, n_jobs=1, random_state=42)
    return Pipeline([("one_hot", one_hot), ("model", model)]).fit(rows[[f.name for f in INPUTS]], outcomes)


pipeline = train()
engine = create_engine(os.environ["BASELINE_DATABASE_URL"], pool_size=20)
Session = sessionmaker(engine)
app = FastAPI()


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Whether it lives."""
    return {"status": "ok"}


@app.post("/predict")
def predict(request: Request) -> dict[str, object]:
    """Score one row and record it."""
    row = request.profile.model_dump()
    probability = float(pipeline.predict_proba(pd.DataFrame([row]))[0, 1])
    with Session() as session:
        record = Record(profile=row, probability=probability)
        session.add(record)
        session.commit()
        return {"id": record.id, "probability": probability, "profile": row}


def create_tables() -> None:
    """Make the table; once, before the workers start."""
    Base.metadata.create_all(engine)


if __name__ == "__main__":
    create_tables()
