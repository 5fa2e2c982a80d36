"""Step on the worth of the zones: which method holds best on these data, how stable the zones are, what they rest on."""

from __future__ import annotations

from carbonshed.study.config import Spec
from carbonshed.study.pattern_steps import fit_study_zones, zoning_accounts
from carbonshed.study.pipeline import Context, StepOutput
from carbonshed.zoning.indicators import zoning_indicators
from carbonshed.zoning.stability import drop_one_feature, zone_stability
from carbonshed.zoning.worth import best_method, worth_of_methods


def has_worth(spec: Spec) -> bool:
    """The study asks for runs to compare methods by."""
    return spec.zoning.runs > 0


def worth_step(context: Context) -> StepOutput:
    """Methods compared with equal features, stability of the zones over seeds and bootstraps, zones without each feature in turn."""
    spec = context.spec
    context.progress(0.0, "comparing methods")
    indicators = zoning_indicators(zoning_accounts(spec, context.tables))
    methods = worth_of_methods(
        indicators, runs=spec.zoning.runs, zones=spec.zoning.zones, seed=spec.study.seed, features=spec.zoning.features
    )
    context.progress(0.6, "stability")
    model = fit_study_zones(spec, context.tables)
    stability = zone_stability(model, runs=spec.zoning.runs, seed=spec.study.seed)
    output = StepOutput(
        tables={
            "zone_methods": methods.reset_index(),
            "zone_stability": stability.summary.reset_index(),
            "zone_clusters": stability.clusters.reset_index(),
        }
    )
    if spec.zoning.method != "rules":
        context.progress(0.9, "features in turn")
        output.tables["zone_features"] = drop_one_feature(model).reset_index()
    output.choices = {"zoning_verdict": best_method(methods)}
    return output
