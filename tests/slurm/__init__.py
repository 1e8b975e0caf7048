"""A cluster of this machine alone: sbatch, squeue and scancel as Slurm has them, for tests."""
