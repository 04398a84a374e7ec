"""The script that MLflow runs to load a served model, from the model's folder and beside a copy of this package."""

from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from prefactor.errors import InputError
from prefactor.serving.checking import parse_requests
from prefactor.serving.package import unpack
from prefactor.serving.requests import Answer, Request


class PersonalRewardModel(PythonModel):
    """Ranks candidate responses for one person; requests and answers as in ``prefactor.serving.requests``."""

    # The type hints are the signature, but MLflow's own check of them says neither where a request is wrong nor how
    # to mend it, so `parse_requests` does the checking.
    _skip_type_hint_validation = True

    def load_context(self, context: Any) -> None:
        """Load weights, users and backbone from the model's artifacts. InputError if they are not as published."""
        package = Path(context.artifacts["package"])
        self.served = unpack(package, package.parents[1] / "code")

    def predict(self, model_input: list[Request]) -> list[Answer]:  # type: ignore[override]
        """One answer per request. What is wrong with a request is the caller's to mend: HTTP status 400."""
        try:
            return self.served.ranker.answer(parse_requests(model_input, self.served.empty_prompts))
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


PersonalRewardModel.predict._is_pyfunc = True  # type: ignore[attr-defined]  # it checks its input: no warning
set_model(PersonalRewardModel())
