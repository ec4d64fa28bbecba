from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A busy machine is no failure of a law: nothing here is about time.
settings.register_profile("laws", deadline=None)
# Used by `make fuzz`, again and again. A slow example is one of a loaded machine, and nothing to give up for.
settings.register_profile(
    "fuzz", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "laws"))
