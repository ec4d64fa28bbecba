"""Run the tests on other engines as level 0: `make test-engines KIND=docker-28.5-containerd`, `make engine-table`."""
