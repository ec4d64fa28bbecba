"""Run public test suites on a level-0 engine and on levels of a chain, and compare: `make test-public`."""
