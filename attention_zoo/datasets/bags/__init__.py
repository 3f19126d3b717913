"""Bags: any number of instances and one label; which instances decide is not known."""
