"""The Python API in an asyncio program: a container at every level at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from inception import Levels, descend


@asynccontextmanager
async def descended(depth: int) -> AsyncIterator[Levels]:
    """Start a chain, and unwind it in the end, in threads: the event loop goes on meanwhile."""
    stack = ExitStack()
    try:
        yield await asyncio.to_thread(stack.enter_context, descend(depth))
    finally:
        await asyncio.to_thread(stack.close)


def greet(levels: Levels, number: int) -> str:
    """Run a container at one level; the Docker SDK waits for it."""
    output = levels[number].containers.run(levels.image, ["echo", f"hello from level {number}"])
    return output.decode().strip()


async def main() -> None:
    """Run a container at each of two levels at once."""
    async with descended(depth=2) as levels:
        greetings = (asyncio.to_thread(greet, levels, number) for number in range(1, len(levels) + 1))
        for line in await asyncio.gather(*greetings):
            print(line)


if __name__ == "__main__":
    asyncio.run(main())
