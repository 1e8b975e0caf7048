"""Reviews: the cases of a project, and what a reviewer does about one."""
