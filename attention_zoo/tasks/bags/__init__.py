"""Bags: a label for any number of instances; attention chooses an instance."""
