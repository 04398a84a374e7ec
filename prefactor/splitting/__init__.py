"""Who is seen, and which of a user's pairs train, validate, evaluate or describe: DuckDB SQL over parquet."""

from prefactor.splitting.parameters import Leakage, PairShares, Pools, SplitParameters, UserShares
from prefactor.splitting.splitter import split

__all__ = ["Leakage", "PairShares", "Pools", "SplitParameters", "UserShares", "split"]
