"""Retraining: check the day's data, train beside what serves, compare with it, and let the better one serve."""
