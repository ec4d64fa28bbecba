"""The boundary to the Docker Engine: find or start one, and translate its SDK's errors into those of `errors`."""
