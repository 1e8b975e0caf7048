raise ImportError('it loads transformers; `make check` runs without: have the test ask for the fixture "needs_torch"')
