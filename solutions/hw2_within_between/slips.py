"""Homework 2: the numbers that are checked, and the known ways to get them wrong.

The types stand in `autograder.slips`; what each slip gives is computed by
``python -m autograder.references hw2`` and kept in ``autograder/references/hw2.json``.
A wrong function is the right one with a piece of its code changed.
A wrong answer is a statement in the notebook's variables: data sets, answers, functions, np, smf.
"""

import statsmodels.formula.api as smf

from autograder.slips import AlsoRight, Quantity, Slip, WrongAnswer, WrongFunction, changed
from hlmtools.within_between import (
    contextual,
    fit_ri,
    fixed_effects,
    hausman,
    lrt_fixed,
    mundlak_test,
    partial_demean,
    r2_levels,
    ri_deviance,
    within_between,
)

__all__ = ["ANSWERS", "QUANTITIES", "smf"]

# The notebook's data sets with the columns it adds, and its answers.
ANSWERS = {
    "hsb": (
        "load_dataset('hsb').assign("
        "catholic=lambda d: (d['sector'] == 'Catholic').astype(float), "
        "minority=lambda d: (d['minrty'] == 'Yes').astype(float), "
        "minority_mean=lambda d: d.groupby('school')['minority'].transform('mean'))"
    ),
    "bdf": (
        "load_dataset('bdf').assign("
        "iq_mean=lambda d: d.groupby('schoolNR')['IQ_verb'].transform('mean'), "
        "iq_dev=lambda d: d['IQ_verb'] - d['iq_mean'])"
    ),
    "hsb_split": "within_between(hsb['ses'], hsb['school'])",
    "hsb_first_dev": "hsb_split[0][0]",
    "hsb_ses_share": "hsb_split[1].var() / hsb['ses'].to_numpy().var()",
    "X_ses": "design(hsb, ['ses'])",
    "hsb_ses_crit_0": "ri_deviance(0.0, hsb['mAch'], X_ses, hsb['school'])",
    "hsb_ses_crit_05": "ri_deviance(0.05, hsb['mAch'], X_ses, hsb['school'])",
    "hsb_ses_fit": "fit_ri(hsb['mAch'], X_ses, hsb['school'])",
    "hsb_ses_slope": "hsb_ses_fit.params['ses']",
    "hsb_ses_se": "hsb_ses_fit.bse['ses']",
    "hsb_ses_psi": "hsb_ses_fit.psi",
    "hsb_wb_fit": "fit_ri(hsb['mAch'], design(hsb, ['cses', 'meanses']), hsb['school'])",
    "hsb_within": "hsb_wb_fit.params['cses']",
    "hsb_between": "hsb_wb_fit.params['meanses']",
    "hsb_between_se": "hsb_wb_fit.bse['meanses']",
    "hsb_wb_psi": "hsb_wb_fit.psi",
    "bdf_iq_fit": (
        "fit_ri(bdf['langPOST'], design(bdf, ['IQ_verb']), bdf['schoolNR'], reml=False)"
    ),
    "bdf_iq_slope": "bdf_iq_fit.params['IQ_verb']",
    "bdf_iq_psi": "bdf_iq_fit.psi",
    "hsb_fe": "fixed_effects(hsb['mAch'], design(hsb, ['ses', 'catholic']), hsb['school'])",
    "hsb_fe_slope": "hsb_fe.params['ses']",
    "hsb_fe_se": "hsb_fe.bse['ses']",
    "hsb_contextual": "contextual(hsb_wb_fit, 'cses', 'meanses')[0]",
    "hsb_contextual_se": "contextual(hsb_wb_fit, 'cses', 'meanses')[1]",
    "hsb_mundlak_fit": "fit_ri(hsb['mAch'], design(hsb, ['ses', 'meanses']), hsb['school'])",
    "V": "hsb_mundlak_fit.cov",
    "hsb_sum_se": (
        "(V.loc['ses', 'ses'] + V.loc['meanses', 'meanses'] + 2 * V.loc['ses', 'meanses']) ** 0.5"
    ),
    "hsb_mundlak": "mundlak_test(hsb_mundlak_fit, ['meanses'])[0]",
    "hsb_two_fit": (
        "fit_ri(hsb['mAch'], design(hsb, ['ses', 'meanses', 'minority', 'minority_mean']), "
        "hsb['school'])"
    ),
    "hsb_mundlak_two": "mundlak_test(hsb_two_fit, ['meanses', 'minority_mean'])[0]",
    "bdf_wb_fit": (
        "fit_ri(bdf['langPOST'], design(bdf, ['iq_dev', 'iq_mean']), bdf['schoolNR'], reml=False)"
    ),
    "bdf_contextual": "contextual(bdf_wb_fit, 'iq_dev', 'iq_mean')[0]",
    "hsb_hausman": ("hausman(hsb_fe.params, hsb_fe.cov, hsb_ses_fit.params, hsb_ses_fit.cov)[0]"),
    "bdf_fe": "fixed_effects(bdf['langPOST'], design(bdf, ['IQ_verb']), bdf['schoolNR'])",
    "bdf_hausman_p": "hausman(bdf_fe.params, bdf_fe.cov, bdf_iq_fit.params, bdf_iq_fit.cov)[2]",
    "hsb_null_fit": "fit_ri(hsb['mAch'], design(hsb), hsb['school'])",
    "hsb_dev_fit": "fit_ri(hsb['mAch'], design(hsb, ['cses']), hsb['school'])",
    "hsb_r2": "r2_levels(hsb_null_fit, hsb_wb_fit)",
    "hsb_r2_dev": "r2_levels(hsb_null_fit, hsb_dev_fit)",
    "hsb_ses_ml": "fit_ri(hsb['mAch'], X_ses, hsb['school'], reml=False)",
    "hsb_ses_catholic_ml": (
        "fit_ri(hsb['mAch'], design(hsb, ['ses', 'catholic']), hsb['school'], reml=False)"
    ),
    "hsb_wb_ml": (
        "fit_ri(hsb['mAch'], design(hsb, ['cses', 'meanses']), hsb['school'], reml=False)"
    ),
    "hsb_wb_catholic_ml": (
        "fit_ri(hsb['mAch'], design(hsb, ['cses', 'meanses', 'catholic']), hsb['school'], "
        "reml=False)"
    ),
    "hsb_sector_lrt": "lrt_fixed(hsb_ses_ml, hsb_ses_catholic_ml)[0]",
    "hsb_sector_context_lrt": "lrt_fixed(hsb_wb_ml, hsb_wb_catholic_ml)[0]",
    "hsb_sector_fit": (
        "fit_ri(hsb['mAch'], design(hsb, ['cses', 'meanses', 'catholic']), hsb['school'])"
    ),
    "hsb_sector_se": "hsb_sector_fit.bse['catholic']",
    "bdf_mean_ml": (
        "fit_ri(bdf['langPOST'], design(bdf, ['IQ_verb', 'iq_mean']), bdf['schoolNR'], reml=False)"
    ),
    "bdf_school_ml": (
        "fit_ri(bdf['langPOST'], design(bdf, ['IQ_verb', 'iq_mean', 'schoolSES']), "
        "bdf['schoolNR'], reml=False)"
    ),
    "bdf_school_p": "lrt_fixed(bdf_mean_ml, bdf_school_ml)[2]",
}


def fit_of(*columns: str, reml: bool = True) -> str:
    """Source of a fit of hsb on the named columns."""
    ending = "" if reml else ", reml=False"
    return f"fit_ri(hsb['mAch'], design(hsb, {list(columns)}), hsb['school']{ending})"


def wrong(name: str, code: str | WrongFunction, see: str, says: str) -> Slip:
    """A slip; a text as its code is a wrong answer's statement."""
    return Slip(name, says, see, WrongAnswer(code) if isinstance(code, str) else code)


# ---- 2.1 splitting a covariate

OWN_MEAN = 'mean = grouped.transform("mean").to_numpy().reshape(values.shape)'

grand_mean_centred = wrong(
    "grand_mean_centred",
    changed(
        within_between,
        (OWN_MEAN, "mean = np.broadcast_to(values.mean(axis=0), values.shape).copy()"),
    ),
    "notes 2.2",
    "You take everybody's mean away; that moves the origin and separates nothing. "
    "Take away the mean of the unit's own cluster.",
)
centred_at_mean_of_means = wrong(
    "centred_at_mean_of_means",
    changed(
        within_between,
        (OWN_MEAN, "mean = np.full(values.shape, grouped.mean().to_numpy().mean(axis=0))"),
    ),
    "notes 2.2",
    "You take the average of the cluster means away, one number for all; each unit needs the mean "
    "of its own cluster.",
)
split_turned = wrong(
    "split_turned",
    changed(within_between, ("return values - mean, mean", "return mean - values, mean")),
    "notes 2.2",
    "The sign is turned: a deviation is the unit's value minus the mean of its cluster.",
)
split_swapped = wrong(
    "split_swapped",
    changed(within_between, ("return values - mean, mean", "return mean, values - mean")),
    "notes 2.2",
    "You have the two parts in the other order: deviations come first, cluster means second.",
)


# ---- 2.2 partial demeaning and deviance

no_square_root = wrong(
    "no_square_root",
    changed(partial_demean, ("np.sqrt(1 + n.to_numpy() * lam)", "(1 + n.to_numpy() * lam)")),
    "notes 2.3",
    "You divide the cluster means by 1 + n lam; it is the square root of that which makes the rows "
    "independent with equal variance.",
)
x_not_demeaned = wrong(
    "x_not_demeaned",
    changed(
        ri_deviance, ("X_star = partial_demean(X, g, lam)", "X_star = np.asarray(X, dtype=float)")
    ),
    "notes 2.3",
    "You transform y and leave X as it is; the model holds for the transformed rows only if both "
    "are transformed alike.",
)
constant_not_demeaned = wrong(
    "constant_not_demeaned",
    changed(
        ri_deviance,
        ("b = np.linalg.lstsq", "X_star[:, 0] = 1.0\n    b = np.linalg.lstsq"),
    ),
    "notes 2.3",
    "You left the constant at 1; it is a column of X like the others and becomes "
    "1 / sqrt(1 + n lam).",
)
no_determinant = wrong(
    "no_determinant",
    changed(ri_deviance, ("np.log1p(n * lam).sum() + df", "df")),
    "notes 2.3",
    "The sum of log(1 + n lam) is missing; without it nothing speaks against an ever larger lam.",
)
n_under_reml = wrong(
    "n_under_reml",
    changed(ri_deviance, ("N - p if reml else N", "N")),
    "notes 2.3",
    "Under REML p degrees of freedom have gone into the coefficients: put N - p in place of N, "
    "wherever it stands.",
)
one_df_under_reml = wrong(
    "one_df_under_reml",
    changed(ri_deviance, ("N - p if reml else N", "N - 1 if reml else N")),
    "notes 2.3",
    "You took one degree of freedom off, as for a model with a mean only; every column of X takes "
    "one.",
)
no_logdet = wrong(
    "no_logdet",
    changed(ri_deviance, ("deviance + logdet if reml else deviance", "deviance")),
    "notes 2.3",
    "Under REML the deviance has one more term, the logarithm of the determinant of X*'X*; yours "
    "lacks it.",
)
no_two_pi = wrong(
    "no_two_pi",
    changed(ri_deviance, ("2 * np.pi * r2", "r2")),
    "notes 2.3",
    "The constant 2 pi is missing: your minimum is at the right place, but the deviance cannot be "
    "compared with that of other programs.",
)


# ---- 2.3 fitting

CONFLATED = (
    "This is the slope of raw SES, a mixture of the slopes within and between schools; the task "
    "asks for one of the two by itself."
)
POOLED = (
    "This is the slope of an ordinary regression that does not know of clusters; fit the model "
    "with a random intercept."
)
REML_FOR_ML = "This is the REML estimate; the task asks for maximum likelihood, reml=False."
MEAN_REGRESSION = (
    "This is a regression of the school means on each other, every school counted alike; the model "
    "weights them by how well they are known."
)

always_ml = wrong(
    "always_ml",
    changed(fit_ri, ("y, X, g = _checked(y, X, g)", "(y, X, g), reml = _checked(y, X, g), False")),
    "notes 2.3",
    "Your function gives the maximum-likelihood fit whatever reml says; hand reml on to the "
    "deviance, and divide r2 by N - p under REML.",
)
stays_at_zero = wrong(
    "stays_at_zero",
    changed(fit_ri, ("bool(criterion(0.0) <= inside.fun + 1e-8)", "True")),
    "notes 2.3",
    "Your fit has lam = 0, an ordinary regression; take the lam at which the deviance is smallest.",
)
unweighted_covariance = wrong(
    "unweighted_covariance",
    changed(
        fit_ri,
        ("np.linalg.inv(X_star.T @ X_star)", "np.linalg.inv(X.to_numpy().T @ X.to_numpy())"),
    ),
    "notes 2.3",
    "Your standard error comes from X as it is; the covariance matrix takes the partially demeaned "
    "X*.",
)


def sd_for_variance(variable: str) -> Slip:
    return wrong(
        "sd_for_variance",
        f"{variable} = {variable} ** 0.5",
        "notes 2.3",
        "You report a standard deviation; the task asks for the variance, in squared points.",
    )


def ratio_for_variance(variable: str, fit: str) -> Slip:
    return wrong(
        "ratio_for_variance",
        f"{variable} = {variable} / {fit}.sigma2",
        "notes 2.3",
        "This is lam, the ratio of the two variances; multiply it by sigma2 to get psi in squared "
        "points.",
    )


def within_variance(variable: str, fit: str) -> Slip:
    return wrong(
        "within_for_between",
        f"{variable} = {fit}.sigma2",
        "notes 2.3",
        "This is the variance within schools; psi is the one between them.",
    )


def squared_se(variable: str) -> Slip:
    return wrong(
        "squared_se",
        f"{variable} = {variable} ** 2",
        "notes 2.3",
        "This is a sampling variance; a standard error is its square root.",
    )


def naive_se(variable: str, formula: str, column: str) -> Slip:
    return wrong(
        "naive_se",
        f"{variable} = smf.ols('{formula}', hsb).fit().bse['{column}']",
        "notes 2.8",
        "This standard error is that of an ordinary regression, which takes all pupils for "
        "independent; take it from the fit with a random intercept.",
    )


# ---- 2.4 fixed effects

only_y_demeaned = wrong(
    "only_y_demeaned",
    changed(fixed_effects, ("within_between(X, g)[0]\n", "(X - X.mean()).to_numpy()\n")),
    "notes 2.5",
    "You took the cluster means out of y but not out of X; both sides of the equation have to lose "
    "theirs.",
)
clusters_not_counted = wrong(
    "clusters_not_counted",
    changed(fixed_effects, ("len(y) - clusters - len(names)", "len(y) - 1 - len(names)")),
    "notes 2.5",
    "Your standard error counts one intercept; there is one for each cluster, and each takes a "
    "degree of freedom.",
)


# ---- 2.5 contextual effects

SUM = "V.loc[between, between] + V.loc[within, within] - 2 * V.loc[between, within]"

within_minus_between = wrong(
    "within_minus_between",
    changed(
        contextual,
        ("fit.params[between] - fit.params[within]", "fit.params[within] - fit.params[between]"),
    ),
    "notes 2.4",
    "The sign is turned: the contextual effect is the slope between minus the slope within.",
)
slopes_added = wrong(
    "slopes_added",
    changed(
        contextual,
        ("fit.params[between] - fit.params[within]", "fit.params[between] + fit.params[within]"),
    ),
    "notes 2.4",
    "You added the two slopes; that is right where the variable itself stands beside its mean. "
    "Beside deviations, the contextual effect is the difference.",
)
errors_subtracted = wrong(
    "errors_subtracted",
    changed(
        contextual,
        ("np.sqrt(variance)", "abs(np.sqrt(V.loc[between, between]) - V.loc[within, within]**0.5)"),
    ),
    "notes 2.4",
    "You subtracted the standard errors; uncertainties of a difference add up, as variances do.",
)
errors_added = wrong(
    "errors_added",
    changed(
        contextual,
        ("np.sqrt(variance)", "np.sqrt(V.loc[between, between]) + V.loc[within, within]**0.5"),
    ),
    "notes 2.4",
    "You added the standard errors; it is variances that add up, and the root is taken at the end.",
)
covariance_left_out = wrong(
    "covariance_left_out",
    changed(contextual, (SUM, "V.loc[between, between] + V.loc[within, within]")),
    "notes 2.4",
    "Your standard error leaves the covariance of the two slopes out; subtract it twice.",
)
covariance_added = wrong(
    "covariance_added",
    changed(
        contextual,
        (SUM, "V.loc[between, between] + V.loc[within, within] + 2 * V.loc[between, within]"),
    ),
    "notes 2.4",
    "You added the covariance; for a difference it is subtracted, for a sum it is added.",
)
variance_for_contextual_se = wrong(
    "variance_for_se",
    changed(contextual, ("float(np.sqrt(variance))", "float(variance)")),
    "notes 2.4",
    "This is a variance; a standard error is its square root, in the units of the effect.",
)
tested_separately = wrong(
    "tested_separately",
    changed(mundlak_test, ("d @ np.linalg.solve(V, d)", "(d**2 / np.diag(V)).sum()")),
    "notes 2.6",
    "You added the squared z values of single coefficients; these are correlated, and the joint "
    "test takes their covariances into account.",
)
not_inverted = wrong(
    "not_inverted",
    changed(mundlak_test, ("d @ np.linalg.solve(V, d)", "d @ V @ d")),
    "notes 2.6",
    "You multiplied by the covariance matrix; its inverse belongs there, so that what is known "
    "well counts more.",
)


def between_for_contextual(variable: str, fit: str, column: str) -> Slip:
    return wrong(
        "between_for_contextual",
        f"{variable} = {fit}.params['{column}']",
        "notes 2.4",
        "This is the slope between schools; the contextual effect is what it has in excess of the "
        "slope within.",
    )


def between_is_zero(variable: str, fit: str) -> Slip:
    return wrong(
        "between_is_zero",
        f"{variable} = {fit}",
        "notes 2.6",
        "You tested whether slopes between schools are 0, in a fit on deviations; Mundlak's test "
        "asks whether they equal the slopes within. Put the variables in as they are.",
    )


# ---- 2.6 Hausman's test

V_DIFFERENCE = "V_fe.loc[names, names] - V_re.loc[names, names]"

variances_added = wrong(
    "variances_added",
    changed(hausman, (V_DIFFERENCE, "V_fe.loc[names, names] + V_re.loc[names, names]")),
    "notes 2.6",
    "You added the two covariance matrices, as if the estimates were independent; they come from "
    "the same data, and the variance of their difference is the difference of the variances.",
)
errors_for_variances = wrong(
    "errors_for_variances",
    changed(
        hausman, (V_DIFFERENCE, "V_fe.loc[names, names] ** 0.5 - V_re.loc[names, names] ** 0.5")
    ),
    "notes 2.6",
    "You divided by the difference of the standard errors; square each of them first.",
)
df_counts_constant = wrong(
    "df_counts_constant",
    changed(hausman, ("chi2.sf(statistic, len(names))", "chi2.sf(statistic, len(b_re))")),
    "notes 2.6",
    "Your degrees of freedom count the constant; only coefficients that both fits have are "
    "compared.",
)


# ---- 2.7 shares of variance

ROOTS = (
    "You compared standard deviations; a share of variance is one minus the ratio of the variances."
)
LEFT = "This is the share that is left; the share accounted for is one minus it."
TOTAL = "float(1 - (fit.psi + fit.sigma2) / (null.psi + null.sigma2))"

roots_between = wrong(
    "sd_ratios",
    changed(r2_levels, ("1 - fit.psi / null.psi)", "1 - (fit.psi / null.psi) ** 0.5)")),
    "notes 2.7",
    ROOTS,
)
roots_within = wrong(
    "sd_ratios",
    changed(r2_levels, ("1 - fit.sigma2 / null.sigma2)", "1 - (fit.sigma2 / null.sigma2) ** 0.5)")),
    "notes 2.7",
    ROOTS,
)
roots_level1 = wrong(
    "sd_ratios", changed(r2_levels, (TOTAL, f"1 - (1 - {TOTAL}) ** 0.5")), "notes 2.7", ROOTS
)
left_between = wrong(
    "share_left",
    changed(r2_levels, ("float(1 - fit.psi / null.psi)", "float(fit.psi / null.psi)")),
    "notes 2.7",
    LEFT,
)
left_within = wrong(
    "share_left",
    changed(r2_levels, ("float(1 - fit.sigma2 / null.sigma2)", "float(fit.sigma2 / null.sigma2)")),
    "notes 2.7",
    LEFT,
)
left_level1 = wrong("share_left", changed(r2_levels, (TOTAL, f"1 - {TOTAL}")), "notes 2.7", LEFT)
arithmetic_size = wrong(
    "arithmetic_size",
    changed(r2_levels, ("len(fit.sizes) / (1 / fit.sizes).sum()", "fit.sizes.mean()")),
    "notes 2.7",
    "You divide by the arithmetic mean of the cluster sizes; variances of means go with 1 / n, and "
    "the harmonic mean averages that.",
)
size_left_out = wrong(
    "size_left_out",
    changed(r2_levels, ("len(fit.sizes) / (1 / fit.sizes).sum()", "1.0")),
    "notes 2.7",
    "For the mean of a cluster the variance within is divided by the cluster's size; yours is not.",
)
negative_clipped = wrong(
    "negative_clipped",
    changed(
        r2_levels, ("float(1 - fit.psi / null.psi)", "max(0.0, float(1 - fit.psi / null.psi))")
    ),
    "notes 2.7",
    "You set a negative share to 0; report it, because it says that the variance between clusters "
    "has grown, and why it does is worth knowing.",
)


# ---- 2.8 tests of covariates

no_factor_two = wrong(
    "no_factor_two",
    changed(lrt_fixed, ("float(fit0.deviance - fit1.deviance)", "float(fit1.llf - fit0.llf)")),
    "notes 2.8",
    "This is the difference of the log-likelihoods; the statistic is twice that, the difference of "
    "the deviances.",
)
tail_halved = wrong(
    "tail_halved",
    changed(lrt_fixed, ("chi2.sf(statistic, df)", "chi2.sf(statistic, df) / 2")),
    "notes 2.8",
    "You halved the tail; that is for a variance at its boundary, and a coefficient has none.",
)
all_columns_counted = wrong(
    "all_columns_counted",
    changed(lrt_fixed, ("df = len(large) - len(small)", "df = len(large)")),
    "notes 2.8",
    "Your degrees of freedom count every column of the larger model; only those that the smaller "
    "one lacks are tested.",
)


def reml_difference(variable: str, *columns: str) -> Slip:
    return wrong(
        "reml_difference",
        f"{variable} = {fit_of(*columns)}.deviance - {fit_of(*columns, 'catholic')}.deviance",
        "notes 2.8",
        "This is a difference of REML criteria; models with different fixed parts are compared by "
        "maximum likelihood.",
    )


def wald_for_lrt(variable: str, fit: str, column: str) -> Slip:
    return wrong(
        "wald_for_lrt",
        f"{variable} = ({fit}.params['{column}'] / {fit}.bse['{column}']) ** 2",
        "notes 2.8",
        "This is a Wald statistic, the squared ratio of the estimate to its standard error; the "
        "task asks for the difference of the deviances.",
    )


QUANTITIES = (
    # ---- 2.1
    Quantity(
        "hsb_first_dev",
        "2.1",
        "hsb_ses_split.first_dev",
        "closed_form",
        "hsb_first_dev",
        slips=(grand_mean_centred, centred_at_mean_of_means, split_turned, split_swapped),
    ),
    Quantity(
        "hsb_ses_share",
        "2.1",
        "hsb_ses_split.share_between",
        "closed_form",
        "hsb_ses_share",
        slips=(
            wrong(
                "schools_counted_alike",
                "hsb_ses_share = hsb.groupby('school')['ses'].mean().var() / hsb['ses'].var()",
                "notes 2.2",
                "You took the variance of 160 means; the task asks for the means as the pupils "
                "have them, one in each row.",
            ),
            wrong(
                "share_of_sds",
                "hsb_ses_share = hsb_ses_share ** 0.5",
                "notes 2.2",
                "This is a ratio of standard deviations; the task asks for the share of the "
                "variance.",
            ),
            wrong(
                "share_within",
                "hsb_ses_share = 1 - hsb_ses_share",
                "notes 2.2",
                "This is the share of the variance within schools; the task asks for the one "
                "between them.",
            ),
        ),
    ),
    # ---- 2.2
    Quantity(
        "hsb_ses_crit_0",
        "2.2",
        "hsb_ses_criterion_reml.criterion_0",
        "deviance",
        "hsb_ses_crit_0",
        slips=(
            wrong(
                "ml_for_reml",
                "hsb_ses_crit_0 = ri_deviance(0.0, hsb['mAch'], X_ses, hsb['school'], False)",
                "notes 2.3",
                "This is the deviance by maximum likelihood; the task asks for the REML criterion.",
            ),
            n_under_reml,
            one_df_under_reml,
            no_logdet,
            no_two_pi,
        ),
    ),
    Quantity(
        "hsb_ses_crit_05",
        "2.2",
        "hsb_ses_criterion_reml.criterion_05",
        "deviance",
        "hsb_ses_crit_05",
        slips=(
            no_square_root,
            x_not_demeaned,
            constant_not_demeaned,
            no_determinant,
            n_under_reml,
            one_df_under_reml,
            no_logdet,
            no_two_pi,
        ),
    ),
    # ---- 2.3
    Quantity(
        "hsb_ses_slope",
        "2.3",
        "hsb_ses_reml.b_ses",
        "slope",
        "hsb_ses_slope",
        slips=(
            always_ml,
            stays_at_zero,
            wrong(
                "within_for_raw",
                f"hsb_ses_slope = {fit_of('cses', 'meanses')}.params['cses']",
                "notes 2.3",
                "This is the slope within schools; the task asks for the model in which SES stands "
                "as it is, and alone.",
            ),
            wrong(
                "no_constant",
                "hsb_ses_slope = fit_ri(hsb['mAch'], hsb[['ses']], hsb['school']).params['ses']",
                "notes 2.3",
                "Your design matrix has no constant, so that the line goes through the origin; "
                "design() puts one in.",
            ),
        ),
    ),
    Quantity(
        "hsb_ses_se",
        "2.3",
        "hsb_ses_reml.se_ses",
        "standard_error",
        "hsb_ses_se",
        also_right=(
            AlsoRight(
                "hsb_ses_reml.se_joint_ses",
                "From the joint Hessian of all parameters, as Stata and statsmodels report it; "
                "lme4's is conditional on the variances.",
            ),
        ),
        slips=(
            naive_se("hsb_ses_se", "mAch ~ ses", "ses"),
            unweighted_covariance,
            squared_se("hsb_ses_se"),
        ),
    ),
    Quantity(
        "hsb_ses_psi",
        "2.3",
        "hsb_ses_reml.psi",
        "variance_component",
        "hsb_ses_psi",
        slips=(
            always_ml,
            sd_for_variance("hsb_ses_psi"),
            ratio_for_variance("hsb_ses_psi", "hsb_ses_fit"),
            within_variance("hsb_ses_psi", "hsb_ses_fit"),
            wrong(
                "variance_of_null_model",
                f"hsb_ses_psi = {fit_of()}.psi",
                "notes 2.3",
                "This is the variance between schools without the covariate; the task asks for "
                "what is left of it beside SES.",
            ),
        ),
    ),
    Quantity(
        "hsb_within",
        "2.3",
        "hsb_wb_reml.b_ses_dev",
        "slope",
        "hsb_within",
        slips=(
            wrong("conflated", "hsb_within = hsb_ses_slope", "notes 2.3", CONFLATED),
            wrong(
                "pooled_slope",
                "hsb_within = smf.ols('mAch ~ ses', hsb).fit().params['ses']",
                "notes 2.3",
                POOLED,
            ),
            wrong(
                "between_slope_for_within",
                "hsb_within = hsb_between",
                "notes 2.4",
                "This is the slope between schools; the one within is that of the deviations.",
            ),
        ),
    ),
    Quantity(
        "hsb_between",
        "2.3",
        "hsb_wb_reml.b_ses_mean",
        "slope",
        "hsb_between",
        slips=(
            always_ml,
            wrong("conflated", "hsb_between = hsb_ses_slope", "notes 2.3", CONFLATED),
            wrong(
                "contextual_for_between",
                f"hsb_between = {fit_of('ses', 'meanses')}.params['meanses']",
                "notes 2.4",
                "Beside raw SES the coefficient of the mean is the contextual effect; the slope "
                "between schools stands beside the deviations.",
            ),
            wrong(
                "means_regressed",
                "hsb_means = hsb.groupby('school')[['ses', 'mAch']].mean()\n"
                "hsb_between = smf.ols('mAch ~ ses', hsb_means).fit().params['ses']",
                "notes 2.4",
                MEAN_REGRESSION,
            ),
            wrong(
                "deviations_left_out",
                f"hsb_between = {fit_of('meanses')}.params['meanses']",
                "notes 2.4",
                "This comes from a model without the deviations; put both parts of SES in.",
            ),
        ),
    ),
    Quantity(
        "hsb_between_se",
        "2.3",
        "hsb_wb_reml.se_ses_mean",
        "standard_error",
        "hsb_between_se",
        also_right=(
            AlsoRight(
                "hsb_wb_reml.se_joint_ses_mean",
                "From the joint Hessian of all parameters, as Stata and statsmodels report it.",
            ),
        ),
        slips=(
            naive_se("hsb_between_se", "mAch ~ cses + meanses", "meanses"),
            unweighted_covariance,
            squared_se("hsb_between_se"),
            wrong(
                "error_of_within",
                "hsb_between_se = hsb_wb_fit.bse['cses']",
                "notes 2.8",
                "This is the standard error of the slope within schools, which thousands of pupils "
                "inform; the one between rests on 160 schools.",
            ),
        ),
    ),
    Quantity(
        "hsb_wb_psi",
        "2.3",
        "hsb_wb_reml.psi",
        "variance_component",
        "hsb_wb_psi",
        slips=(
            always_ml,
            sd_for_variance("hsb_wb_psi"),
            ratio_for_variance("hsb_wb_psi", "hsb_wb_fit"),
            within_variance("hsb_wb_psi", "hsb_wb_fit"),
            wrong(
                "means_left_out",
                f"hsb_wb_psi = {fit_of('cses')}.psi",
                "notes 2.7",
                "This comes from a model without the school means of SES; deviations within "
                "schools cannot account for differences between them.",
            ),
            wrong(
                "conflated_variance",
                "hsb_wb_psi = hsb_ses_psi",
                "notes 2.3",
                "This belongs to the model with raw SES; the task asks for the one with both "
                "parts.",
            ),
        ),
    ),
    Quantity(
        "bdf_iq_slope",
        "2.3",
        "bdf_iq_ml.b_IQ_verb",
        "slope",
        "bdf_iq_slope",
        slips=(
            wrong(
                "pooled_slope",
                "bdf_iq_slope = np.polyfit(bdf['IQ_verb'], bdf['langPOST'], 1)[0]",
                "notes 2.3",
                POOLED,
            ),
            wrong(
                "reml_for_ml",
                "bdf_iq_slope = fit_ri(bdf['langPOST'], design(bdf, ['IQ_verb']), "
                "bdf['schoolNR']).params['IQ_verb']",
                "notes 2.3",
                REML_FOR_ML,
            ),
        ),
    ),
    Quantity(
        "bdf_iq_psi",
        "2.3",
        "bdf_iq_ml.psi",
        "variance_component",
        "bdf_iq_psi",
        slips=(
            sd_for_variance("bdf_iq_psi"),
            ratio_for_variance("bdf_iq_psi", "bdf_iq_fit"),
            wrong(
                "reml_for_ml",
                "bdf_iq_psi = fit_ri(bdf['langPOST'], design(bdf, ['IQ_verb']), "
                "bdf['schoolNR']).psi",
                "notes 2.3",
                REML_FOR_ML,
            ),
        ),
    ),
    # ---- 2.4
    Quantity(
        "hsb_fe_slope",
        "2.4",
        "hsb_fixed.b_ses",
        "slope",
        "hsb_fe_slope",
        slips=(
            only_y_demeaned,
            wrong("conflated", "hsb_fe_slope = hsb_ses_slope", "notes 2.5", CONFLATED),
            wrong(
                "pooled_slope",
                "hsb_fe_slope = smf.ols('mAch ~ ses', hsb).fit().params['ses']",
                "notes 2.5",
                "This is the slope of an ordinary regression with one intercept; give every school "
                "its own.",
            ),
        ),
    ),
    Quantity(
        "hsb_fe_se",
        "2.4",
        "hsb_fixed.se_ses",
        "standard_error",
        "hsb_fe_se",
        slips=(
            clusters_not_counted,
            squared_se("hsb_fe_se"),
            wrong(
                "error_of_random_intercept",
                "hsb_fe_se = hsb_ses_se",
                "notes 2.5",
                "This is the standard error from the random-intercept fit, which also uses the "
                "differences between schools; the task asks for that of the fixed-effects fit.",
            ),
        ),
    ),
    # ---- 2.5
    Quantity(
        "hsb_contextual",
        "2.5",
        "hsb_mundlak_reml.effect_contextual",
        "slope",
        "hsb_contextual",
        slips=(
            within_minus_between,
            slopes_added,
            between_for_contextual("hsb_contextual", "hsb_wb_fit", "meanses"),
        ),
    ),
    Quantity(
        "hsb_contextual_se",
        "2.5",
        "hsb_mundlak_reml.se_contextual",
        "standard_error",
        "hsb_contextual_se",
        also_right=(
            AlsoRight(
                "hsb_mundlak_reml.se_joint_ses_mean",
                "From the joint Hessian of all parameters, as Stata and statsmodels report it.",
            ),
        ),
        slips=(errors_subtracted, errors_added, variance_for_contextual_se),
    ),
    Quantity(
        "hsb_sum_se",
        "2.5",
        "hsb_mundlak_reml.se_between",
        "standard_error",
        "hsb_sum_se",
        slips=(
            wrong(
                "sum_without_covariance",
                "hsb_sum_se = (V.loc['ses', 'ses'] + V.loc['meanses', 'meanses']) ** 0.5",
                "notes 2.4",
                "Your standard error leaves the covariance of the two coefficients out; it is "
                "negative here, and counts twice.",
            ),
            wrong(
                "sum_with_covariance_once",
                "hsb_sum_se = (V.loc['ses', 'ses'] + V.loc['meanses', 'meanses'] "
                "+ V.loc['ses', 'meanses']) ** 0.5",
                "notes 2.4",
                "This is the standard error of the contextual effect, which is also what one gets "
                "by counting the covariance once; the variance of a sum has it twice.",
            ),
            wrong(
                "sum_with_covariance_subtracted",
                "hsb_sum_se = (V.loc['ses', 'ses'] + V.loc['meanses', 'meanses'] "
                "- 2 * V.loc['ses', 'meanses']) ** 0.5",
                "notes 2.4",
                "You subtracted the covariance, as for a difference; the slope between is a sum "
                "here.",
            ),
        ),
    ),
    Quantity(
        "hsb_mundlak",
        "2.5",
        "hsb_mundlak_reml.wald",
        "wald",
        "hsb_mundlak",
        slips=(
            not_inverted,
            between_is_zero("hsb_mundlak", "mundlak_test(hsb_wb_fit, ['meanses'])[0]"),
            wrong(
                "z_for_wald",
                "hsb_mundlak = hsb_mundlak ** 0.5",
                "notes 2.6",
                "This is z, the estimate in standard errors; the Wald statistic is its square.",
            ),
        ),
    ),
    Quantity(
        "hsb_mundlak_two",
        "2.5",
        "hsb_mundlak_two_reml.wald",
        "wald",
        "hsb_mundlak_two",
        slips=(
            tested_separately,
            not_inverted,
            between_is_zero(
                "hsb_mundlak_two",
                "mundlak_test(fit_ri(hsb['mAch'], design(hsb.assign(minority_dev="
                "hsb['minority'] - hsb['minority_mean']), "
                "['cses', 'meanses', 'minority_dev', 'minority_mean']), hsb['school']), "
                "['meanses', 'minority_mean'])[0]",
            ),
        ),
    ),
    Quantity(
        "bdf_contextual",
        "2.5",
        "bdf_mundlak_ml.effect_contextual",
        "slope",
        "bdf_contextual",
        slips=(
            within_minus_between,
            slopes_added,
            between_for_contextual("bdf_contextual", "bdf_wb_fit", "iq_mean"),
        ),
    ),
    # ---- 2.6
    Quantity(
        "hsb_hausman",
        "2.6",
        "hsb_fixed.hausman_reml",
        "wald",
        "hsb_hausman",
        slips=(
            variances_added,
            errors_for_variances,
            wrong(
                "ml_for_reml",
                f"hsb_hausman_ml = {fit_of('ses', reml=False)}\n"
                "hsb_hausman = hausman(hsb_fe.params, hsb_fe.cov, hsb_hausman_ml.params, "
                "hsb_hausman_ml.cov)[0]",
                "notes 2.6",
                "This compares with the maximum-likelihood fit; the task asks for the REML fit.",
            ),
            wrong(
                "one_sigma2_for_both",
                "hsb_hausman = hausman(hsb_fe.params, "
                "hsb_fe.cov * hsb_ses_fit.sigma2 / hsb_fe.sigma2, "
                "hsb_ses_fit.params, hsb_ses_fit.cov)[0]",
                "notes 2.6",
                "You put the same sigma2 into both matrices; that version is in use (Stata's "
                "sigmamore), but the task asks for the matrices as the two fits give them.",
            ),
            wrong(
                "mundlak_for_hausman",
                "hsb_hausman = hsb_mundlak",
                "notes 2.6",
                "This is Mundlak's statistic; it asks the same question of another model, and its "
                "number differs.",
            ),
        ),
    ),
    Quantity(
        "bdf_hausman_p",
        "2.6",
        "bdf_fixed.hausman_p_ml",
        "p_value",
        "bdf_hausman_p",
        slips=(
            df_counts_constant,
            wrong(
                "p_halved",
                "bdf_hausman_p = bdf_hausman_p / 2",
                "notes 2.6",
                "You halved the tail; that is for a variance at its boundary, and slopes can "
                "differ in either direction.",
            ),
        ),
    ),
    # ---- 2.7
    Quantity(
        "hsb_r2_between",
        "2.7",
        "hsb_wb_reml.rb_between",
        "share",
        "hsb_r2.rb_between",
        slips=(roots_between, left_between),
    ),
    Quantity(
        "hsb_r2_within",
        "2.7",
        "hsb_wb_reml.rb_within",
        "share",
        "hsb_r2.rb_within",
        slips=(roots_within, left_within),
    ),
    Quantity(
        "hsb_r2_level1",
        "2.7",
        "hsb_wb_reml.sb_level1",
        "share",
        "hsb_r2.sb_level1",
        slips=(roots_level1, left_level1),
    ),
    Quantity(
        "hsb_r2_level2",
        "2.7",
        "hsb_wb_reml.sb_level2",
        "share",
        "hsb_r2.sb_level2",
        slips=(arithmetic_size, size_left_out),
    ),
    Quantity(
        "hsb_r2_dev_between",
        "2.7",
        "hsb_dev_reml.rb_between",
        "share",
        "hsb_r2_dev.rb_between",
        slips=(roots_between, left_between, negative_clipped),
    ),
    # ---- 2.8
    Quantity(
        "hsb_sector_lrt",
        "2.8",
        "hsb_ses_sector_ml.lrt",
        "deviance",
        "hsb_sector_lrt",
        slips=(
            no_factor_two,
            reml_difference("hsb_sector_lrt", "ses"),
            wald_for_lrt("hsb_sector_lrt", "hsb_ses_catholic_ml", "catholic"),
        ),
    ),
    Quantity(
        "hsb_sector_context_lrt",
        "2.8",
        "hsb_sector_ml.lrt",
        "deviance",
        "hsb_sector_context_lrt",
        slips=(
            no_factor_two,
            reml_difference("hsb_sector_context_lrt", "cses", "meanses"),
            wald_for_lrt("hsb_sector_context_lrt", "hsb_wb_catholic_ml", "catholic"),
        ),
    ),
    Quantity(
        "hsb_sector_se",
        "2.8",
        "hsb_sector_reml.se_catholic",
        "standard_error",
        "hsb_sector_se",
        slips=(
            naive_se("hsb_sector_se", "mAch ~ cses + meanses + catholic", "catholic"),
            wrong(
                "ml_for_reml",
                "hsb_sector_se = hsb_wb_catholic_ml.bse['catholic']",
                "notes 2.8",
                "This is the standard error of the maximum-likelihood fit; the task asks for REML.",
            ),
            squared_se("hsb_sector_se"),
        ),
    ),
    Quantity(
        "bdf_school_p",
        "2.8",
        "bdf_school_ses_ml.lrt_p",
        "p_value",
        "bdf_school_p",
        slips=(
            tail_halved,
            all_columns_counted,
            wrong(
                "wald_p",
                "bdf_school_p = mundlak_test(bdf_school_ml, ['schoolSES'])[2]",
                "notes 2.8",
                "This is the p-value of a Wald test; the task asks for that of the "
                "likelihood-ratio test.",
            ),
        ),
    ),
)
