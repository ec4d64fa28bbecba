"""Run the tests on another Docker engine as level 0: `make test-engines SUITE=forky STORE=containerd`."""
