"""The Docker API as a runner uses it."""
