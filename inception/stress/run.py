"""Run one campaign on an engine: plan it, carry it out, and make its report."""

from __future__ import annotations

import time
from collections.abc import Callable

from inception.chain.prepare import facts_on, images_on, prepare
from inception.engine.connect import Engine
from inception.errors import Interrupted, PlanError
from inception.plan.light_dataclasses import dataclass
from inception.stress.assemble import assemble, assemble_refusal, environment_of, level_engines
from inception.stress.campaign import Campaign
from inception.stress.execute import Execution
from inception.stress.report.record import Report


@dataclass(frozen=True, kw_only=True)
class CampaignRun:
    """A campaign that has ended: its report, and the `refusal` that kept it from beginning, or the `interruption`."""

    report: Report
    refusal: PlanError | None = None
    interruption: Interrupted | None = None

    def raise_interruption(self) -> None:
        """Raise the interruption, if there is one."""
        if self.interruption is not None:
            raise self.interruption


def run_campaign(
    engine: Engine, campaign: Campaign, *, command: tuple[str, ...], on_message: Callable[[str], None]
) -> CampaignRun:
    """Run `campaign` on `engine`; `command` repeats it. Raises ImageError, EngineError, or UsageError."""
    begun = time.time()
    try:
        plan = prepare(engine, campaign.request, on_message)
    except PlanError as refused:
        where = environment_of(facts_on(engine, ()), campaign.request.image)
        return CampaignRun(
            report=assemble_refusal(campaign, where, refused, begun=begun, command=command), refusal=refused
        )
    facts = facts_on(engine, images_on(engine, campaign.request.images), plan.seeds)
    where = environment_of(facts, plan.level(1).image, level_engines(plan))
    outcome = Execution(engine, campaign, facts=facts, on_message=on_message).run()
    return CampaignRun(
        report=assemble(campaign, where, outcome, begun=begun, command=command), interruption=outcome.interruption
    )
