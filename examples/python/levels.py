"""The Python API: a chain as a context manager that gives each level's DockerClient."""

from __future__ import annotations

from inception import descend


def main() -> None:
    """Run a container at each level, and print the name of its engine."""
    with descend(depth=2) as levels:
        for number in range(1, len(levels) + 1):
            client = levels[number]
            output = client.containers.run(levels.image, ["echo", f"hello from level {number}"])
            print(client.info()["Name"], output.decode().strip())


if __name__ == "__main__":
    main()
