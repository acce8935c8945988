"""Homework 1: the numbers that are checked, and the known ways to get them wrong.

The types stand in `autograder.slips`; what each slip gives is computed by
``python -m autograder.references hw1`` and kept in ``autograder/references/hw1.json``.
A wrong function is the right one with a piece of its code changed.
A wrong answer is a statement in the notebook's variables: data sets, answers, functions, np.
"""

import statsmodels.formula.api as smf

from autograder.slips import AlsoRight, Quantity, Slip, WrongAnswer, WrongFunction, changed
from hlmtools.variance_components import (
    anova_components,
    cluster_stats,
    coverage_range,
    eb_predict,
    fit_vc,
    icc,
    lrt_psi,
    reliability,
    vc_deviance,
)

__all__ = ["ANSWERS", "QUANTITIES", "smf"]

# The notebook's answers, as functions of the data sets and of each other.
ANSWERS = {
    "hsb_stats": "cluster_stats(hsb['mAch'], hsb['school'])",
    "hsb_pupil_mean": "hsb['mAch'].mean()",
    "hsb_mean_of_means": "hsb_stats['mean'].mean()",
    "hsb_anova": "anova_components(hsb['mAch'], hsb['school'])",
    "dyestuff_sigma2": "anova_components(dyestuff['Yield'], dyestuff['Batch']).msw",
    "dyestuff_psi": (
        "(anova_components(dyestuff['Yield'], dyestuff['Batch']).msb - dyestuff_sigma2) / 5"
    ),
    "dyestuff2_anova_psi": "anova_components(dyestuff2['Yield'], dyestuff2['Batch']).psi",
    "hsb_crit_0": "vc_deviance(0.0, hsb_stats, reml=True)",
    "hsb_crit_022": "vc_deviance(0.22, hsb_stats, reml=True)",
    "hsb_fit": "fit_vc(hsb['mAch'], hsb['school'])",
    "hsb_beta": "hsb_fit.beta",
    "hsb_se": "hsb_fit.se",
    "hsb_psi": "hsb_fit.psi",
    "hsb_sigma2": "hsb_fit.sigma2",
    "hsb_fit_ml": "fit_vc(hsb['mAch'], hsb['school'], reml=False)",
    "hsb_psi_ml": "hsb_fit_ml.psi",
    "statsmodels_fit": "smf.mixedlm('mAch ~ 1', hsb, groups=hsb['school']).fit(reml=True)",
    "statsmodels_psi": "statsmodels_fit.cov_re.iloc[0, 0]",
    "dyestuff2_fit": "fit_vc(dyestuff2['Yield'], dyestuff2['Batch'])",
    "dyestuff2_psi": "dyestuff2_fit.psi",
    "bdf_fit": "fit_vc(bdf['langPOST'], bdf['schoolNR'], reml=False)",
    "bdf_psi": "bdf_fit.psi",
    "bdf_sigma2": "bdf_fit.sigma2",
    "hsb_icc": "icc(hsb_psi, hsb_sigma2)",
    "hsb_reliability_14": "reliability(hsb_psi, hsb_sigma2, 14)",
    "hsb_reliability_67": "reliability(hsb_psi, hsb_sigma2, 67)",
    "hsb_mean_reliability": "reliability(hsb_psi, hsb_sigma2, hsb_stats['n']).mean()",
    "bdf_icc": "icc(bdf_psi, bdf_sigma2)",
    "rail_icc": "icc(24.805**2, 4.021**2)",
    "hsb_predictions": "eb_predict(hsb_fit)",
    "eb_8367": "hsb_predictions.loc['8367', 'eb']",
    "eb_8367_se": "hsb_predictions.loc['8367', 'comp_se']",
    "eb_2305": "hsb_predictions.loc['2305', 'eb']",
    "hsb_lrt": "lrt_psi(-vc_deviance(0.0, hsb_stats, reml=False) / 2, hsb_fit_ml.llf)[0]",
    "dyestuff_fit_ml": "fit_vc(dyestuff['Yield'], dyestuff['Batch'], reml=False)",
    "dyestuff_ll0": "-vc_deviance(0.0, dyestuff_fit_ml.stats, reml=False) / 2",
    "dyestuff_lrt": "lrt_psi(dyestuff_ll0, dyestuff_fit_ml.llf)[0]",
    "dyestuff_lrt_p": "lrt_psi(dyestuff_ll0, dyestuff_fit_ml.llf)[1]",
    "dyestuff2_fit_ml": "fit_vc(dyestuff2['Yield'], dyestuff2['Batch'], reml=False)",
    "dyestuff2_ll0": "-vc_deviance(0.0, dyestuff2_fit_ml.stats, reml=False) / 2",
    "dyestuff2_lrt_p": "lrt_psi(dyestuff2_ll0, dyestuff2_fit_ml.llf)[1]",
    "school_range": "coverage_range(hsb_beta, hsb_psi)",
}


def wrong(name: str, code: str | WrongFunction, see: str, says: str) -> Slip:
    """A slip; a text as its code is a wrong answer's statement."""
    return Slip(name, says, see, WrongAnswer(code) if isinstance(code, str) else code)


# ---- 1.1 sufficient statistics


def means_swapped(statement: str) -> Slip:
    return wrong(
        "means_swapped",
        statement,
        "notes 1.2",
        "You have mixed up two means: one gives each pupil the same weight, the other each school. "
        "Read again which of them is asked for.",
    )


variance_for_ssw = wrong(
    "variance_for_ssw",
    changed(cluster_stats, ('squares.groupby(rows["cluster"]).sum()', "grouped.var().fillna(0)")),
    "notes 1.2",
    "Your ssw is a variance; leave the sum of squares undivided, later steps divide it.",
)
ssw_around_grand_mean = wrong(
    "ssw_around_grand_mean",
    changed(cluster_stats, ('grouped.transform("mean")', 'rows["y"].mean()')),
    "notes 1.2",
    "You take deviations from the mean of everybody; within a cluster they are taken from that "
    "cluster's own mean.",
)


# ---- 1.2 analysis of variance

NOT_DIVIDED = "msb - msw estimates n0 times psi: you are one step away, divide by the cluster size."
VARIANCE_OF_MEANS = (
    "This is the variance of the observed cluster means; it still contains their sampling error, "
    "sigma2 / n, which has to come off."
)
OVER_TOTAL = (
    "You divided the sum of squares within clusters by N; each cluster has used up one degree of "
    "freedom for its own mean."
)

mean_size_for_n0 = wrong(
    "mean_size_for_n0",
    changed(
        anova_components,
        ("n0 = (total - (n**2).sum() / total) / (clusters - 1)", "n0 = total / clusters"),
    ),
    "notes 1.3",
    "You divide by the average cluster size; with unequal clusters the right divisor is n0, which "
    "allows for their spread.",
)
not_divided_by_n0 = wrong(
    "not_divided_by_n0",
    changed(anova_components, ("(msb - msw) / n0", "msb - msw")),
    "notes 1.3",
    NOT_DIVIDED,
)
variance_of_means = wrong(
    "variance_of_means",
    changed(anova_components, ("(msb - msw) / n0", 'stats["mean"].var()')),
    "notes 1.3",
    VARIANCE_OF_MEANS,
)
msb_without_sizes = wrong(
    "msb_without_sizes",
    changed(
        anova_components, ('(n * (stats["mean"] - grand_mean)', '((stats["mean"] - grand_mean)')
    ),
    "notes 1.3",
    "Your mean square between clusters counts each cluster once; weight each squared deviation by "
    "the cluster's size.",
)
msw_over_total = wrong(
    "msw_over_total",
    changed(anova_components, ("(total - clusters)", "total")),
    "notes 1.3",
    OVER_TOTAL,
)
truncated_at_zero = wrong(
    "truncated_at_zero",
    changed(anova_components, ("float((msb - msw) / n0)", "max(0.0, float((msb - msw) / n0))")),
    "notes 1.3",
    "You set a negative estimate to 0; report what the formula gives, because its sign tells the "
    "reader how the cluster means compare with chance.",
)


# ---- 1.3 deviance

no_determinant = wrong(
    "no_determinant",
    changed(vc_deviance, ("np.log1p(n * lam).sum() + ", "")),
    "notes 1.4",
    "The sum of log(1 + n lam) is missing; without it nothing speaks against an ever larger lam.",
)
n_under_reml = wrong(
    "n_under_reml",
    changed(vc_deviance, ("n.sum() - 1 if reml else n.sum()", "n.sum()")),
    "notes 1.4",
    "Under REML one degree of freedom has gone into the mean: put N - 1 in place of N, wherever it "
    "stands.",
)
no_log_weights = wrong(
    "no_log_weights",
    changed(vc_deviance, ("deviance + np.log(w.sum()) if reml else deviance", "deviance")),
    "notes 1.4",
    "Under REML the deviance has one more term, the logarithm of the sum of the weights; yours "
    "lacks it.",
)
no_two_pi = wrong(
    "no_two_pi",
    changed(vc_deviance, ("2 * np.pi * r2", "r2")),
    "notes 1.4",
    "The constant 2 pi is missing: your minimum is at the right place, but the deviance cannot be "
    "compared with that of other programs.",
)
sizes_as_weights = wrong(
    "sizes_as_weights",
    changed(vc_deviance, ("w = n / (1 + n * lam)", "w = n")),
    "notes 1.4",
    "You weight cluster means by n, as if units were independent; the weight has 1 + n lam in its "
    "denominator.",
)


# ---- 1.4 fitting

REML_FOR_ML = "This is the REML estimate; the task asks for maximum likelihood, reml=False."

always_ml = wrong(
    "always_ml",
    changed(fit_vc, ("stats = cluster_stats(y, g)", "stats, reml = cluster_stats(y, g), False")),
    "notes 1.4",
    "Your function gives the maximum-likelihood fit whatever reml says; hand reml on to the "
    "deviance, and divide r2 by N - 1 under REML.",
)
short_of_zero = wrong(
    "short_of_zero",
    changed(
        fit_vc,
        (
            'criterion, bounds=bounds, method="bounded", options={"xatol": 1e-10}',
            'lambda lam: vc_deviance(lam, stats, reml), bounds=(0, 10), method="bounded"',
        ),
        ("bool(vc_deviance(0.0, stats, reml) <= inside.fun + 1e-8)", "False"),
        ("np.exp(inside.x)", "inside.x"),
    ),
    "notes 1.7",
    "Your minimizer stopped just short of the end of its interval; compare with the deviance at "
    "lam = 0 and take that where it is not beaten.",
)
grand_mean = wrong(
    "grand_mean",
    changed(fit_vc, ("beta=float(beta)", "beta=float(np.average(mean, weights=n))")),
    "notes 1.4",
    "This is the mean of all pupils, in which large schools count more than they should; weight "
    "the school means by n / (1 + n lam).",
)
naive_se = wrong(
    "naive_se",
    changed(
        fit_vc,
        ("np.sqrt(sigma2 / w.sum())", "np.std(np.asarray(y, float), ddof=1) / np.sqrt(n.sum())"),
    ),
    "notes 1.4",
    "This standard error treats all units as independent; units of one cluster resemble each "
    "other, so that the mean is known less well than that.",
)
pooled_deviance = wrong(
    "pooled_deviance",
    changed(fit_vc, ("vc_deviance(lam, stats, reml),", "vc_deviance(0.0, stats, reml),")),
    "notes 1.4",
    "This is the deviance of the model without clusters, at lam = 0; report the one at the lam "
    "that you found.",
)


def sd_for_variance(variable: str, unit: str) -> Slip:
    return wrong(
        "sd_for_variance",
        f"{variable} = {variable} ** 0.5",
        "notes 1.3",
        f"You report a standard deviation; the task asks for the variance, in squared {unit}.",
    )


def ratio_for_variance(variable: str, sigma2: str) -> Slip:
    return wrong(
        "ratio_for_variance",
        f"{variable} = {variable} / {sigma2}",
        "notes 1.4",
        "This is lam, the ratio of the two variances; multiply it by sigma2 to get psi in the "
        "units of the question.",
    )


def total_for_within(variable: str, psi: str) -> Slip:
    return wrong(
        "total_for_within",
        f"{variable} = {variable} + {psi}",
        "notes 1.3",
        "This is the total variance; the task asks for the part within clusters.",
    )


def anova_for_likelihood(variable: str, data: str, y: str, g: str) -> Slip:
    return wrong(
        "anova_for_likelihood",
        f"{variable} = anova_components({data}['{y}'], {data}['{g}']).psi",
        "notes 1.4",
        "This is the ANOVA estimate; with unequal cluster sizes, or at the boundary, likelihood "
        "gives another number, and the task asks for that one.",
    )


# ---- 1.5 intraclass correlation and reliability

icc_from_sds = wrong(
    "icc_from_sds",
    changed(icc, ("psi / (psi + sigma2))", "psi**0.5 / (psi**0.5 + sigma2**0.5))")),
    "notes 1.5",
    "The intraclass correlation is a share of variance: put the variances into the formula, not "
    "their square roots.",
)
icc_as_ratio = wrong(
    "icc_as_ratio",
    changed(icc, ("psi / (psi + sigma2))", "psi / sigma2)")),
    "notes 1.5",
    "This is psi divided by sigma2; divide by the sum of the two variances instead.",
)
icc_as_complement = wrong(
    "icc_as_complement",
    changed(icc, ("psi / (psi + sigma2))", "sigma2 / (psi + sigma2))")),
    "notes 1.5",
    "This is the share of the variance within clusters; the intraclass correlation is the share "
    "between them.",
)
reliability_as_icc = wrong(
    "reliability_as_icc",
    changed(
        reliability,
        ("sizes * psi / (sizes * psi + sigma2)", "psi / (psi + sigma2) * np.ones_like(sizes)"),
    ),
    "notes 1.5",
    "This is the intraclass correlation, the reliability of a single unit; a mean of n units is "
    "more reliable, so n has to come in.",
)
reliability_as_complement = wrong(
    "reliability_as_complement",
    changed(reliability, ("sizes * psi / (sizes", "sigma2 / (sizes")),
    "notes 1.5",
    "This is one minus the reliability, the share of noise in the cluster mean; the task asks for "
    "the share of signal.",
)
reliability_from_sds = wrong(
    "reliability_from_sds",
    changed(
        reliability,
        (
            "sizes * psi / (sizes * psi + sigma2)",
            "sizes * psi**0.5 / (sizes * psi**0.5 + sigma2**0.5)",
        ),
    ),
    "notes 1.5",
    "Reliability is a share of variance: put the variances into the formula, not their square "
    "roots.",
)


# ---- 1.6 prediction

EB = 'table["eb"] = table["R"] * table["ml"]'

no_shrinkage = wrong(
    "no_shrinkage",
    changed(eb_predict, (EB, 'table["eb"] = table["ml"]')),
    "notes 1.6",
    "This is the observed deviation, as if a mean of few units were exact; multiply it by the "
    "reliability.",
)
shrunk_with_icc = wrong(
    "shrunk_with_icc",
    changed(
        eb_predict, ('reliability(fit.psi, fit.sigma2, fit.stats["n"])', "icc(fit.psi, fit.sigma2)")
    ),
    "notes 1.6",
    "You shrink with the intraclass correlation, the reliability of one unit; use the reliability "
    "of the mean of this cluster's n units.",
)
around_pupil_mean = wrong(
    "around_pupil_mean",
    changed(
        eb_predict,
        ("- fit.beta", '- np.average(fit.stats["mean"], weights=fit.stats["n"])'),
    ),
    "notes 1.6",
    "You measure the deviation from the mean of all units; the model's overall mean is the "
    "estimate beta of the fit.",
)
shrunk_with_complement = wrong(
    "shrunk_with_complement",
    changed(eb_predict, (EB, 'table["eb"] = (1 - table["R"]) * table["ml"]')),
    "notes 1.6",
    "You shrink with one minus the reliability; a reliable mean keeps nearly all of its deviation, "
    "so the factor is the reliability itself.",
)
diagnostic_for_comparative = wrong(
    "diagnostic_for_comparative",
    changed(
        eb_predict,
        ('(1 - table["R"]) * fit.psi', 'table["R"] * fit.psi'),
        ('np.sqrt(table["R"] * fit.psi)', 'np.sqrt((1 - table["R"]) * fit.psi)'),
    ),
    "notes 1.6",
    "This is the diagnostic standard error, how far predictions spread; around one cluster's "
    "prediction you need the comparative one.",
)
variance_for_se = wrong(
    "variance_for_se",
    changed(
        eb_predict,
        ("np.sqrt(comparative)", "comparative"),
        ('np.sqrt(table["R"] * fit.psi)', 'table["R"] * fit.psi'),
    ),
    "notes 1.6",
    "This is a variance; a standard error is its square root, in the units of y.",
)


# ---- 1.7 likelihood-ratio test

NO_FACTOR_TWO = "This is the difference of the log-likelihoods; the statistic is twice that."
TAIL = "chi2.sf(stat, 1) / 2 if stat > 0 else 1.0"

no_factor_two = wrong(
    "no_factor_two", changed(lrt_psi, ("2 * (ll1 - ll0)", "ll1 - ll0")), "notes 1.7", NO_FACTOR_TWO
)
undivided_p = wrong(
    "undivided_p",
    changed(lrt_psi, (TAIL, "chi2.sf(stat, 1)")),
    "notes 1.7",
    "This is the ordinary chi-square p-value; under psi = 0 the statistic is 0 half the time, so "
    "the tail has to be halved.",
)
halved_statistic = wrong(
    "halved_statistic",
    changed(lrt_psi, (TAIL, "chi2.sf(stat / 2, 1) if stat > 0 else 1.0")),
    "notes 1.7",
    "You halved the statistic; it is the tail probability that has to be halved.",
)
halved_at_zero = wrong(
    "halved_at_zero",
    changed(lrt_psi, (TAIL, "chi2.sf(stat, 1) / 2")),
    "notes 1.7",
    "The statistic is 0, and every data set gives at least that: the halved tail holds only for a "
    "positive statistic.",
)


# ---- 1.8 range of cluster means

variance_as_sd = wrong(
    "variance_as_sd",
    changed(coverage_range, ("np.sqrt(psi)", "psi")),
    "notes 1.5",
    "You stepped out from the mean by multiples of the variance; a range needs its square root, "
    "the standard deviation.",
)
one_sided_range = wrong(
    "one_sided_range",
    changed(coverage_range, ("norm.ppf((1 + level) / 2)", "norm.ppf(level)")),
    "notes 1.5",
    "You left the whole remainder on each side; a central range leaves half of it below and half "
    "of it above.",
)
range_of_beta = wrong(
    "range_of_beta",
    "school_range = coverage_range(hsb_beta, hsb_se**2)",
    "notes 1.5",
    "This is the confidence interval of the overall mean; the task asks how far the schools' own "
    "true means spread.",
)
range_of_pupils = wrong(
    "range_of_pupils",
    "school_range = coverage_range(hsb_beta, hsb_psi + hsb_sigma2)",
    "notes 1.5",
    "This range uses the total variance, so it is where pupils lie; the task asks about the true "
    "means of schools, and those vary by psi alone.",
)
RANGE_SLIPS = (variance_as_sd, one_sided_range, range_of_beta, range_of_pupils)


QUANTITIES = (
    # ---- 1.1
    Quantity(
        "hsb_pupil_mean",
        "1.1",
        "hsb_anova.mean",
        "closed_form",
        "hsb_pupil_mean",
        slips=(means_swapped("hsb_pupil_mean = hsb_stats['mean'].mean()"),),
    ),
    Quantity(
        "hsb_mean_of_means",
        "1.1",
        "hsb_anova.mean_of_means",
        "closed_form",
        "hsb_mean_of_means",
        slips=(means_swapped("hsb_mean_of_means = hsb['mAch'].mean()"),),
    ),
    Quantity(
        "hsb_ssw",
        "1.1",
        "hsb_anova.ssw",
        "closed_form",
        "hsb_stats['ssw'].sum()",
        slips=(variance_for_ssw, ssw_around_grand_mean),
    ),
    # ---- 1.2
    Quantity(
        "hsb_anova_psi",
        "1.2",
        "hsb_anova.psi",
        "closed_form",
        "hsb_anova.psi",
        slips=(
            mean_size_for_n0,
            not_divided_by_n0,
            variance_of_means,
            msb_without_sizes,
            msw_over_total,
        ),
    ),
    Quantity(
        "hsb_anova_n0",
        "1.2",
        "hsb_anova.n0",
        "closed_form",
        "hsb_anova.n0",
        slips=(mean_size_for_n0,),
    ),
    Quantity(
        "hsb_anova_msb",
        "1.2",
        "hsb_anova.msb",
        "closed_form",
        "hsb_anova.msb",
        slips=(msb_without_sizes,),
    ),
    Quantity(
        "hsb_anova_msw",
        "1.2",
        "hsb_anova.msw",
        "closed_form",
        "hsb_anova.msw",
        slips=(msw_over_total,),
    ),
    Quantity(
        "dyestuff_psi",
        "1.2",
        "dyestuff_anova.psi",
        "closed_form",
        "dyestuff_psi",
        slips=(
            sd_for_variance("dyestuff_psi", "grams"),
            wrong("not_divided_by_n0", "dyestuff_psi = 5 * dyestuff_psi", "notes 1.3", NOT_DIVIDED),
            wrong(
                "variance_of_means",
                "dyestuff_psi = dyestuff.groupby('Batch')['Yield'].mean().var()",
                "notes 1.3",
                VARIANCE_OF_MEANS,
            ),
            wrong(
                "ratio_of_mean_squares",
                "dyestuff_psi = 1 + 5 * dyestuff_psi / dyestuff_sigma2",
                "notes 1.3",
                "This is msb / msw, the F statistic; the variance between batches comes from the "
                "difference of the two mean squares.",
            ),
        ),
    ),
    Quantity(
        "dyestuff_sigma2",
        "1.2",
        "dyestuff_anova.sigma2",
        "closed_form",
        "dyestuff_sigma2",
        slips=(
            sd_for_variance("dyestuff_sigma2", "grams"),
            wrong(
                "msw_over_total",
                "dyestuff_sigma2 = dyestuff_sigma2 * 24 / 30",
                "notes 1.3",
                OVER_TOTAL,
            ),
            wrong(
                "pooled_variance",
                "dyestuff_sigma2 = dyestuff['Yield'].var()",
                "notes 1.3",
                "This is the variance of all preparations together; the one within batches is "
                "taken around each batch's own mean.",
            ),
        ),
    ),
    Quantity(
        "dyestuff2_anova_psi",
        "1.2",
        "dyestuff2_anova.psi",
        "closed_form",
        "dyestuff2_anova_psi",
        slips=(truncated_at_zero,),
    ),
    # ---- 1.3
    Quantity(
        "hsb_crit_0",
        "1.3",
        "hsb_pooled.criterion_reml",
        "deviance",
        "hsb_crit_0",
        slips=(
            wrong(
                "ml_for_reml",
                "hsb_crit_0 = vc_deviance(0.0, hsb_stats, reml=False)",
                "notes 1.4",
                "This is the deviance by maximum likelihood; the task asks for the REML criterion.",
            ),
            n_under_reml,
            no_log_weights,
            no_two_pi,
        ),
    ),
    Quantity(
        "hsb_crit_022",
        "1.3",
        "hsb_criterion_022.criterion",
        "deviance",
        "hsb_crit_022",
        slips=(
            no_determinant,
            n_under_reml,
            no_log_weights,
            no_two_pi,
            sizes_as_weights,
            wrong(
                "loglik_for_deviance",
                "hsb_crit_022 = hsb_crit_022 / -2",
                "notes 1.4",
                "This is a log-likelihood; the deviance is minus two times that.",
            ),
        ),
    ),
    # ---- 1.4
    Quantity(
        "hsb_deviance",
        "1.4",
        "hsb_null_reml.criterion",
        "deviance",
        "hsb_fit.deviance",
        slips=(always_ml, pooled_deviance),
    ),
    Quantity(
        "hsb_beta",
        "1.4",
        "hsb_null_reml.beta",
        "fixed_effect",
        "hsb_beta",
        slips=(
            grand_mean,
            wrong(
                "mean_of_means",
                "hsb_beta = hsb_stats['mean'].mean()",
                "notes 1.4",
                "This is the plain average of the school means; the model weights them, since a "
                "mean of few pupils is known less well.",
            ),
        ),
    ),
    Quantity(
        "hsb_se",
        "1.4",
        "hsb_null_reml.se",
        "standard_error",
        "hsb_se",
        also_right=(
            AlsoRight(
                "hsb_null_reml.se_joint",
                "From the joint Hessian of all parameters, as Stata and statsmodels report it; "
                "lme4's is conditional on the variances.",
            ),
        ),
        slips=(
            naive_se,
            wrong(
                "squared_se",
                "hsb_se = hsb_se**2",
                "notes 1.4",
                "This is the sampling variance of the mean; a standard error is its square root.",
            ),
        ),
    ),
    Quantity(
        "hsb_psi",
        "1.4",
        "hsb_null_reml.psi",
        "variance_component",
        "hsb_psi",
        slips=(
            always_ml,
            sd_for_variance("hsb_psi", "test points"),
            ratio_for_variance("hsb_psi", "hsb_sigma2"),
            anova_for_likelihood("hsb_psi", "hsb", "mAch", "school"),
            wrong(
                "variance_of_means",
                "hsb_psi = hsb_stats['mean'].var()",
                "notes 1.3",
                VARIANCE_OF_MEANS,
            ),
            wrong(
                "within_for_between",
                "hsb_psi = hsb_fit.sigma2",
                "notes 1.3",
                "This is the variance within schools; psi is the one between them.",
            ),
        ),
    ),
    Quantity(
        "hsb_sigma2",
        "1.4",
        "hsb_null_reml.sigma2",
        "variance_component",
        "hsb_sigma2",
        slips=(
            sd_for_variance("hsb_sigma2", "test points"),
            total_for_within("hsb_sigma2", "hsb_fit.psi"),
            wrong(
                "between_for_within",
                "hsb_sigma2 = hsb_fit.psi",
                "notes 1.3",
                "This is the variance between schools; sigma2 is the one within them.",
            ),
        ),
    ),
    Quantity(
        "hsb_psi_ml",
        "1.4",
        "hsb_null_ml.psi",
        "variance_component",
        "hsb_psi_ml",
        slips=(
            wrong("reml_for_ml", "hsb_psi_ml = hsb_fit.psi", "notes 1.4", REML_FOR_ML),
            sd_for_variance("hsb_psi_ml", "test points"),
        ),
    ),
    Quantity(
        "statsmodels_psi",
        "1.4",
        "hsb_null_reml.psi",
        "other_engine",
        "statsmodels_psi",
        slips=(
            wrong(
                "statsmodels_scale",
                "statsmodels_psi = statsmodels_fit.params['Group Var']",
                "notes 1.4",
                "statsmodels keeps its variance parameters in units of the residual variance: "
                "params['Group Var'] is psi / sigma2. Multiply by scale, or read cov_re.",
            ),
            wrong(
                "scaled_twice",
                "statsmodels_psi = statsmodels_fit.cov_re.iloc[0, 0] * statsmodels_fit.scale",
                "notes 1.4",
                "cov_re is already in squared test points; only params['Group Var'] still has to "
                "be multiplied by scale.",
            ),
            sd_for_variance("statsmodels_psi", "test points"),
        ),
    ),
    Quantity(
        "dyestuff2_psi",
        "1.4",
        "dyestuff2_null_reml.psi",
        "zero",
        "dyestuff2_psi",
        slips=(
            short_of_zero,
            anova_for_likelihood("dyestuff2_psi", "dyestuff2", "Yield", "Batch"),
        ),
    ),
    Quantity(
        "bdf_psi",
        "1.4",
        "bdf_null_ml.psi",
        "variance_component",
        "bdf_psi",
        slips=(
            wrong(
                "reml_for_ml",
                "bdf_psi = fit_vc(bdf['langPOST'], bdf['schoolNR'], reml=True).psi",
                "notes 1.4",
                REML_FOR_ML,
            ),
            sd_for_variance("bdf_psi", "test points"),
            ratio_for_variance("bdf_psi", "bdf_fit.sigma2"),
            anova_for_likelihood("bdf_psi", "bdf", "langPOST", "schoolNR"),
        ),
    ),
    Quantity(
        "bdf_sigma2",
        "1.4",
        "bdf_null_ml.sigma2",
        "variance_component",
        "bdf_sigma2",
        slips=(
            sd_for_variance("bdf_sigma2", "test points"),
            total_for_within("bdf_sigma2", "bdf_fit.psi"),
        ),
    ),
    # ---- 1.5
    Quantity(
        "hsb_icc",
        "1.5",
        "hsb_null_reml.icc",
        "ratio",
        "hsb_icc",
        slips=(
            icc_from_sds,
            icc_as_ratio,
            icc_as_complement,
            wrong(
                "ml_for_reml",
                "hsb_icc = icc(hsb_fit_ml.psi, hsb_fit_ml.sigma2)",
                "notes 1.4",
                "This is the intraclass correlation of the maximum-likelihood fit; the task asks "
                "for that of the REML fit.",
            ),
            wrong(
                "anova_for_likelihood",
                "hsb_icc = icc(hsb_anova.psi, hsb_anova.sigma2)",
                "notes 1.5",
                "This is the intraclass correlation of the ANOVA estimates; the task asks for "
                "that of the REML fit.",
            ),
        ),
    ),
    Quantity(
        "hsb_reliability_14",
        "1.5",
        "hsb_null_reml.reliability_14",
        "ratio",
        "hsb_reliability_14",
        slips=(reliability_as_icc, reliability_as_complement, reliability_from_sds),
    ),
    Quantity(
        "hsb_reliability_67",
        "1.5",
        "hsb_null_reml.reliability_67",
        "ratio",
        "hsb_reliability_67",
        slips=(
            reliability_as_icc,
            reliability_as_complement,
            wrong(
                "other_school",
                "hsb_reliability_67 = reliability(hsb_psi, hsb_sigma2, 14)",
                "notes 1.5",
                "This is the reliability for the small school; put the size of the large one in.",
            ),
        ),
    ),
    Quantity(
        "hsb_mean_reliability",
        "1.5",
        "hsb_null_reml.mean_reliability",
        "ratio",
        "hsb_mean_reliability",
        slips=(
            reliability_as_icc,
            wrong(
                "reliability_of_mean_size",
                "hsb_mean_reliability = reliability(hsb_psi, hsb_sigma2, hsb_stats['n'].mean())",
                "notes 1.5",
                "This is the reliability at the average size; the task asks for the average of "
                "the reliabilities, and the curve is not a straight line.",
            ),
        ),
    ),
    Quantity(
        "bdf_icc",
        "1.5",
        "bdf_null_ml.icc",
        "ratio",
        "bdf_icc",
        slips=(
            icc_from_sds,
            icc_as_ratio,
            icc_as_complement,
            wrong(
                "reml_for_ml",
                "bdf_reml = fit_vc(bdf['langPOST'], bdf['schoolNR'])\n"
                "bdf_icc = icc(bdf_reml.psi, bdf_reml.sigma2)",
                "notes 1.4",
                "This is the intraclass correlation of the REML fit; the task asks for that of "
                "the maximum-likelihood fit, to compare it with the published table.",
            ),
        ),
    ),
    Quantity(
        "rail_icc",
        "1.5",
        "rail_null_reml.icc",
        "printed",
        "rail_icc",
        slips=(
            wrong(
                "icc_from_sds",
                "rail_icc = 24.805 / (24.805 + 4.021)",
                "notes 1.5",
                "The printout shows standard deviations; square them before they go into the "
                "formula.",
            ),
            icc_as_ratio,
            icc_as_complement,
        ),
    ),
    # ---- 1.6
    Quantity(
        "eb_8367",
        "1.6",
        "hsb_null_reml.eb_8367",
        "prediction",
        "eb_8367",
        slips=(
            no_shrinkage,
            shrunk_with_icc,
            around_pupil_mean,
            shrunk_with_complement,
            wrong(
                "sign_turned",
                "eb_8367 = -eb_8367",
                "notes 1.6",
                "The size is plausible but the sign is turned: take the school's mean minus the "
                "overall mean, not the other way round.",
            ),
            wrong(
                "predicted_mean",
                "eb_8367 = hsb_beta + eb_8367",
                "notes 1.6",
                "This is the predicted mean of the school; the task asks for its deviation from "
                "the overall mean.",
            ),
        ),
    ),
    Quantity(
        "eb_8367_se",
        "1.6",
        "hsb_null_reml.comp_se_8367",
        "prediction",
        "eb_8367_se",
        also_right=(
            AlsoRight(
                "hsb_null_reml.comp_se_plus_beta_8367",
                "With the uncertainty of beta, as Stata's reses gives it after REML.",
            ),
        ),
        slips=(
            diagnostic_for_comparative,
            variance_for_se,
            wrong(
                "prior_sd",
                "eb_8367_se = hsb_psi**0.5",
                "notes 1.6",
                "This is the standard deviation of schools before anything is known of this one; "
                "its pupils have told us something, so the error is smaller.",
            ),
            wrong(
                "se_of_raw_mean",
                "eb_8367_se = (hsb_sigma2 / 14) ** 0.5",
                "notes 1.6",
                "This is the standard error of the school's raw mean; the prediction also uses "
                "what the other schools say, and its error is smaller.",
            ),
        ),
    ),
    Quantity(
        "eb_2305",
        "1.6",
        "hsb_null_reml.eb_2305",
        "prediction",
        "eb_2305",
        slips=(no_shrinkage, shrunk_with_icc, around_pupil_mean),
    ),
    # ---- 1.7
    Quantity(
        "hsb_lrt",
        "1.7",
        "hsb_null_ml.lrt",
        "deviance",
        "hsb_lrt",
        also_right=(
            AlsoRight(
                "hsb_null_reml.lrt",
                "With both by REML: the fixed part is the same in both models, so that this is a "
                "valid test of psi as well.",
            ),
        ),
        slips=(
            wrong(
                "mixed_criteria",
                "hsb_lrt = 2 * (hsb_fit.llf + vc_deviance(0.0, hsb_stats, reml=False) / 2)",
                "notes 1.7",
                "One log-likelihood is by ML and the other by REML; their difference means "
                "nothing. Take both by the same method.",
            ),
            no_factor_two,
        ),
    ),
    Quantity(
        "dyestuff_lrt",
        "1.7",
        "dyestuff_null_ml.lrt",
        "deviance",
        "dyestuff_lrt",
        also_right=(AlsoRight("dyestuff_null_reml.lrt", "With both log-likelihoods by REML."),),
        slips=(
            wrong("no_factor_two", "dyestuff_lrt = dyestuff_lrt / 2", "notes 1.7", NO_FACTOR_TWO),
        ),
    ),
    Quantity(
        "dyestuff_lrt_p",
        "1.7",
        "dyestuff_null_ml.lrt_p",
        "p_value",
        "dyestuff_lrt_p",
        also_right=(AlsoRight("dyestuff_null_reml.lrt_p", "With both log-likelihoods by REML."),),
        slips=(undivided_p, halved_statistic),
    ),
    Quantity(
        "dyestuff2_lrt_p",
        "1.7",
        "dyestuff2_null_ml.lrt_p",
        "p_value",
        "dyestuff2_lrt_p",
        slips=(halved_at_zero,),
    ),
    # ---- 1.8
    Quantity(
        "school_range_low",
        "1.8",
        "hsb_null_reml.range_low",
        "prediction",
        "school_range[0]",
        slips=RANGE_SLIPS,
    ),
    Quantity(
        "school_range_high",
        "1.8",
        "hsb_null_reml.range_high",
        "prediction",
        "school_range[1]",
        slips=RANGE_SLIPS,
    ),
)
