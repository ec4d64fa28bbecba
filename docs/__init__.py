"""The manual: pages, and programs that make parts of them."""
