"""Promotion: which registered model of a dataset is served, by what evidence; and loading one safely."""
