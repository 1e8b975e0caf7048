"""A training or comparison as a job of a cluster: it knows a shared folder and what it is to do, and nothing else."""
