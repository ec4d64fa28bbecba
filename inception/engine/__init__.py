"""The boundary to the Docker Engine: find it or start one, and turn what its SDK raises into our own errors."""
