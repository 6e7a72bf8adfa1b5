"""Honest numbers about fitted recommenders: back-tests, intervals, slices, comparisons and the report."""
