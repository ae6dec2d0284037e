"""Descent beside scipy's solvers and scikit-learn's MLP, from the same starts."""
