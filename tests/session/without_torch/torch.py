raise ImportError('it loads torch; `make check` runs without: have the test ask for the fixture "needs_torch"')
