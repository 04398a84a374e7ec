"""MLflow: the view of runs, and the registry of served models, published from what the stages wrote."""

from prefactor.tracking.publishing import PublishReport, publish

__all__ = ["PublishReport", "publish"]
