"""What each figure takes, in a sentence: said where a result cannot give it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ACCOUNTS = ("accounts of cells or counties (the step accounts)", "单元或县的碳收支（步骤 accounts）")
MONEY = ("amounts of counties with their shapes: [counties] and the step compensation", "各县金额及其边界：[counties] 与步骤 compensation")
LOCAL = (
    "local statistics of carbon (the step statistics), with units that have neighbours",
    "碳的局部统计量（步骤 statistics），单元须有邻居",
)
SOM = ("a self-organising map: method = 'som_kmeans'", "自组织映射：method = 'som_kmeans'")

TAKES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "balance_strip": ("totals in the manifest (the step accounts)", "清单中的合计（步骤 accounts）"),
        "source_map": ACCOUNTS,
        "sink_map": ACCOUNTS,
        "net_map": ACCOUNTS,
        "scale_response": ("a scale response: cells of two sides or more (the step scale)", "尺度响应：两个以上边长的格网（步骤 scale）"),
        "scale_draws": ("draws behind the interval of the scale: [scale] draws above 0", "尺度区间的抽样：[scale] draws 大于 0"),
        "scale_indicators": ("indicators of the scale besides I and CV, at two sides or more", "两个以上边长上除 I 与 CV 之外的指标"),
        "scale_maps": ("accounts at two sides or more, and a scale response", "两个以上边长的碳收支与尺度响应"),
        "scale_zones_map": (
            "zones at the neighbouring sides: [zoning] runs above 0 and level = 'grid'",
            "相邻边长的分区：[zoning] runs 大于 0 且 level = 'grid'",
        ),
        "hot_spots_map": LOCAL,
        "gi_star_map": LOCAL,
        "hot_spots_money_map": (
            "local statistics of the amounts of counties (the step statistics)",
            "各县金额的局部统计量（步骤 statistics）",
        ),
        "moran_scatter": (
            "local statistics with standard values and lags of units that have neighbours",
            "带标准值与空间滞后的局部统计量，单元须有邻居",
        ),
        "zones_map": ("zones (the step zones)", "分区（步骤 zones）"),
        "choice_of_k": (
            "indices for several numbers of zones: a clustering, not method = 'rules'",
            "多个分区数的指数：聚类方法，而非 method = 'rules'",
        ),
        "som_u_matrix": SOM,
        "som_hits": SOM,
        "som_planes": SOM,
        "zones_sankey": ("zones in two years or more", "两年或以上的分区"),
        "zone_shares": ("sums by zone (the step zones)", "各分区的合计（步骤 zones）"),
        "compensation_map": MONEY,
        "priority_bars": ("counties that pay or receive, with GDP, by which they are ranked", "有支付或受偿且 GDP 已知的县，据以排序"),
        "fairness_curves": ("two counties or more with amounts, population and GDP", "两个以上金额、人口与 GDP 均已知的县"),
        "balance_ratio": ("payers and recipients: with one side alone there is no ratio", "支付方与受偿方：只有一方时没有比值"),
        "flows_map": ("payments between counties: payers and recipients, with their shapes", "县间支付：须有支付方、受偿方及其边界"),
        "trends_map": ("trends of cells or counties over two years or more", "单元或县在两年或以上的趋势"),
        "hot_spot_change_map": ("hot spots in two years or more", "两年或以上的热点"),
        "concentration_chart": ("concentration in two years or more", "两年或以上的集中度"),
        "centre_track": ("centres of gravity (the step centre)", "重心（步骤 centre）"),
    }
)
"""Name of a figure -> what it takes, in English and in Chinese."""
