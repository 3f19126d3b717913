"""What `experiments.reproduce` is made of: suites of jobs, their runs, the rules, the page."""
