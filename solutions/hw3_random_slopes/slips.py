"""Homework 3: the numbers that are checked, and the known ways to get them wrong.

The types stand in `autograder.slips`; what each slip gives is computed by
``python -m autograder.references hw3`` and kept in ``autograder/references/hw3.json``.
A wrong function is the right one with a piece of its code changed.
A wrong answer is a statement in the notebook's variables: data sets, answers, functions, np.
"""

from autograder.slips import Quantity, Slip, WrongAnswer, WrongFunction, changed
from hlmtools.random_slopes import (
    corr_at,
    eb_lmm,
    fit_lmm,
    icc_at,
    lmm_deviance,
    lmm_profile,
    lrt_slope,
    p_negative,
    recenter,
    relative_factor,
    slope_range,
    total_var,
)

# The notebook's answers, as functions of the data sets and of each other.
ANSWERS = {
    "exam_X": "np.column_stack([np.ones(len(exam)), exam['standLRT']])",
    "exam_stats": "cross_products(exam['normexam'], exam_X, exam_X, exam['school'])",
    "exam_lines": (
        "pd.DataFrame(np.linalg.solve(exam_stats.ZZ, exam_stats.Zy[:, :, None])[:, :, 0], "
        "index=exam_stats.clusters, columns=['intercept', 'slope'])"
    ),
    "exam_slope_59": "exam_lines.loc['59', 'slope']",
    "exam_slope_variance": "exam_lines.loc[exam_stats.n >= 5, 'slope'].var()",
    "exam_dev_0": "lmm_deviance([0.0, 0.0, 0.0], exam_stats, reml=False)",
    "exam_dev_a": "lmm_deviance([0.5, 0.2, 0.1], exam_stats, reml=False)",
    "exam_Z3": "np.column_stack([exam_X, exam['standLRT'] ** 2])",
    "exam_stats_3": "cross_products(exam['normexam'], exam_X, exam_Z3, exam['school'])",
    "exam_dev_3": "lmm_deviance([0.4, 0.1, -0.05, 0.2, 0.03, 0.08], exam_stats_3, reml=False)",
    "hsb_X": "np.column_stack([np.ones(len(hsb)), hsb['cses']])",
    "hsb_stats": "cross_products(hsb['mAch'], hsb_X, hsb_X, hsb['school'])",
    "hsb_rs_crit_a": "lmm_deviance([0.5, 0.1, 0.2], hsb_stats)",
    "exam_ri": "fit_lmm(exam['normexam'], exam_X, exam_X[:, :1], exam['school'], reml=False)",
    "exam_fit": "fit_lmm(exam['normexam'], exam_X, exam_X, exam['school'], reml=False)",
    "exam_psi11": "exam_fit.Psi[0, 0]",
    "exam_psi21": "exam_fit.Psi[1, 0]",
    "exam_psi22": "exam_fit.Psi[1, 1]",
    "exam_sigma2": "exam_fit.sigma2",
    "exam_slope": "exam_fit.beta[1]",
    "exam_slope_se": "exam_fit.se[1]",
    "exam_corr": "exam_psi21 / np.sqrt(exam_psi11 * exam_psi22)",
    "hsb_fit": "fit_lmm(hsb['mAch'], hsb_X, hsb_X, hsb['school'])",
    "hsb_ri": "fit_lmm(hsb['mAch'], hsb_X, hsb_X[:, :1], hsb['school'])",
    "hsb_rs_psi11": "hsb_fit.Psi[0, 0]",
    "hsb_rs_psi22": "hsb_fit.Psi[1, 1]",
    "bdf_X": "np.column_stack([np.ones(len(bdf)), bdf['IQ_verb'] - bdf['IQ_verb'].mean()])",
    "bdf_fit": "fit_lmm(bdf['langPOST'], bdf_X, bdf_X, bdf['schoolNR'], reml=False)",
    "bdf_ri": "fit_lmm(bdf['langPOST'], bdf_X, bdf_X[:, :1], bdf['schoolNR'], reml=False)",
    "bdf_rs_psi11": "bdf_fit.Psi[0, 0]",
    "bdf_rs_psi22": "bdf_fit.Psi[1, 1]",
    "bdf_rs_corr": "bdf_fit.Psi[1, 0] / np.sqrt(bdf_rs_psi11 * bdf_rs_psi22)",
    "exam_var_low": "total_var(-2, exam_fit.Psi, exam_sigma2)",
    "exam_var_high": "total_var(2, exam_fit.Psi, exam_sigma2)",
    "exam_icc_low": "icc_at(-2, exam_fit.Psi, exam_sigma2)",
    "exam_icc_high": "icc_at(2, exam_fit.Psi, exam_sigma2)",
    "exam_corr_weak_strong": "corr_at(-1, 1, exam_fit.Psi, exam_sigma2)",
    "exam_Psi_low": "recenter(exam_fit.Psi, -2)",
    "exam_psi11_low": "exam_Psi_low[0, 0]",
    "exam_corr_low": "exam_Psi_low[1, 0] / np.sqrt(exam_Psi_low[0, 0] * exam_Psi_low[1, 1])",
    "exam_x_lowest": "-exam_psi21 / exam_psi22",
    "exam_slope_lrt": "lrt_slope(exam_ri.llf, exam_fit.llf)[0]",
    "hsb_slope_lrt": "lrt_slope(hsb_ri.llf, hsb_fit.llf)[0]",
    "hsb_slope_lrt_p": "lrt_slope(hsb_ri.llf, hsb_fit.llf)[1]",
    "bdf_slope_lrt_p": "lrt_slope(bdf_ri.llf, bdf_fit.llf)[1]",
    "exam_predictions": "eb_lmm(exam_fit)",
    "eb_59_intercept": "exam_predictions.loc['59', 'zeta1']",
    "eb_59_slope": "exam_predictions.loc['59', 'zeta2']",
    "eb_48_slope": "exam_predictions.loc['48', 'zeta2']",
    "eb_1_slope_se": "exam_predictions.loc['1', 'se2']",
    "exam_slope_range": "slope_range(exam_slope, exam_psi22)",
    "hsb_p_negative": "p_negative(hsb_fit.beta[1], hsb_rs_psi22)",
    "rb": "hsb_original",
    "cses": "(rb['SES'] - rb['MEANSES']).to_numpy()",
    "catholic": "(rb['Sector'] == 'Catholic').to_numpy(dtype=float)",
    "meanses": "rb['MEANSES'].to_numpy()",
    "Z_rb": "np.column_stack([np.ones(len(rb)), cses])",
    "X_45": "np.column_stack([Z_rb, meanses, catholic, meanses * cses, catholic * cses])",
    "table_44": "fit_lmm(rb['MathAch'], Z_rb, Z_rb, rb['School'])",
    "table_45": "fit_lmm(rb['MathAch'], X_45, Z_rb, rb['School'])",
    "table_45_ri": "fit_lmm(rb['MathAch'], X_45, Z_rb[:, :1], rb['School'])",
    "cross_meanses": "table_45.beta[4]",
    "cross_sector": "table_45.beta[5]",
    "slope_share": "1 - table_45.Psi[1, 1] / table_44.Psi[1, 1]",
    "rest_p": "lrt_slope(table_45_ri.llf, table_45.llf)[1]",
    "exam_X4": "np.column_stack([exam_X, exam['schavg'], exam['standLRT'] * exam['schavg']])",
    "cross_rs": "fit_lmm(exam['normexam'], exam_X4, exam_X, exam['school'], reml=False)",
    "cross_ri": "fit_lmm(exam['normexam'], exam_X4, exam_X[:, :1], exam['school'], reml=False)",
    "t_equal_slopes": "cross_ri.beta[3] / cross_ri.se[3]",
    "t_random_slopes": "cross_rs.beta[3] / cross_rs.se[3]",
}


def wrong(name: str, code: str | WrongFunction, see: str, says: str) -> Slip:
    """A slip; a text as its code is a wrong answer's statement."""
    return Slip(name, says, see, WrongAnswer(code) if isinstance(code, str) else code)


# ---- 3.2 deviance

theta_squared = wrong(
    "theta_squared",
    changed(relative_factor, ("factor[row, column] = theta", "factor[row, column] = theta**2")),
    "notes 3.3",
    "You square theta on its way into Lambda; Lambda takes theta as it is, and the squares come "
    "with Lambda Lambda'.",
)
psi_for_lambda = wrong(
    "psi_for_lambda",
    changed(relative_factor, ("return factor", "return factor @ factor.T")),
    "notes 3.3",
    "You use Lambda Lambda', the covariance matrix, where its factor Lambda belongs.",
)
upper_triangle = wrong(
    "upper_triangle",
    changed(relative_factor, ("factor[row, column] = theta", "factor[column, row] = theta")),
    "notes 3.3",
    "Your Lambda is upper triangular; its free entries stand on and below the diagonal.",
)
diagonal_only = wrong(
    "diagonal_only",
    changed(relative_factor, ("return factor", "return np.diag(np.diag(factor))")),
    "notes 3.3",
    "Your Lambda has nothing below its diagonal, so that intercepts and slopes cannot be "
    "correlated; put the other entries of theta there.",
)
row_by_row = wrong(
    "row_by_row",
    changed(
        relative_factor, ("column, row = np.triu_indices(q)", "row, column = np.tril_indices(q)")
    ),
    "notes 3.3",
    "You fill Lambda row by row; lme4's order, and ours, goes down the columns. With two random "
    "coefficients the two are the same, with three they are not.",
)
no_identity = wrong(
    "no_identity",
    changed(lmm_profile, ("np.eye(q) + L.T", "L.T")),
    "notes 3.3",
    "The identity matrix is missing in A = I + L' ZZ L; it is what keeps a cluster's effects from "
    "being fitted without a price.",
)
log_det_once = wrong(
    "log_det_once",
    changed(lmm_profile, ("2 * np.log(", "np.log(")),
    "notes 3.3",
    "C is a square root of A, so that log det A is twice the sum of the logarithms of the diagonal "
    "of C; yours is half of it.",
)
fixed_part_left_in = wrong(
    "fixed_part_left_in",
    changed(lmm_profile, ("np.sum(c**2) - beta @ m", "np.sum(c**2)")),
    "notes 3.3",
    "Your r2 still holds what the fixed coefficients explain; take beta'm off as well.",
)
no_log_det = wrong(
    "no_log_det",
    changed(lmm_deviance, ("deviance = log_det + df", "deviance = df")),
    "notes 3.3",
    "log_det is missing in your deviance; without it nothing speaks against ever larger random "
    "effects.",
)
n_for_n_minus_p = wrong(
    "n_for_n_minus_p",
    changed(lmm_deviance, ("stats.n.sum() - len(M) if reml else stats.n.sum()", "stats.n.sum()")),
    "notes 3.3",
    "Under REML a degree of freedom has gone into each fixed coefficient: put N - p in place of N, "
    "wherever it stands.",
)
no_log_det_m = wrong(
    "no_log_det_m",
    changed(lmm_deviance, ("deviance + np.linalg.slogdet(M)[1] if reml else deviance", "deviance")),
    "notes 3.3",
    "Under REML the deviance has one more term, log det M; yours lacks it.",
)
no_two_pi = wrong(
    "no_two_pi",
    changed(lmm_deviance, ("2 * np.pi * r2", "r2")),
    "notes 3.3",
    "The constant 2 pi is missing: your minimum is at the right place, but the deviance cannot be "
    "compared with that of other programs.",
)


# ---- 3.3 fitting

REML_FOR_ML = "This is the REML estimate; the task asks for maximum likelihood, reml=False."
PSI = "sigma2 * factor @ factor.T"

always_ml = wrong(
    "always_ml",
    changed(
        fit_lmm,
        (
            "stats = cross_products(y, X, Z, g)",
            "stats, reml = cross_products(y, X, Z, g), False",
        ),
    ),
    "notes 3.3",
    "Your function gives the maximum-likelihood fit whatever reml says; hand reml on, and divide "
    "r2 by N - p under REML.",
)
relative_psi = wrong(
    "relative_psi",
    changed(fit_lmm, (PSI, "factor @ factor.T")),
    "notes 3.3",
    "This is Lambda Lambda', the covariance matrix relative to sigma2; multiply it by sigma2 to "
    "get the units of the question.",
)
factor_turned = wrong(
    "factor_turned",
    changed(fit_lmm, (PSI, "sigma2 * factor.T @ factor")),
    "notes 3.3",
    "You multiplied Lambda' by Lambda; the covariance matrix is Lambda Lambda', in this order.",
)
se_without_sigma = wrong(
    "se_without_sigma",
    changed(fit_lmm, ("np.sqrt(sigma2 * np.diag", "np.sqrt(np.diag")),
    "notes 3.3",
    "M^-1 is the covariance matrix of the coefficients relative to sigma2; multiply by sigma2 "
    "before you take the root.",
)
se_from_diagonal = wrong(
    "se_from_diagonal",
    changed(fit_lmm, ("np.diag(np.linalg.inv(M))", "1 / np.diag(M)")),
    "notes 3.3",
    "You took one over the diagonal of M; it is the inverse of the whole matrix whose diagonal "
    "holds the variances.",
)


def slopes_equal(variable: str, fit: str) -> Slip:
    return wrong(
        "slopes_equal",
        f"{variable} = {fit}",
        "notes 3.2",
        "This comes from the model in which all schools have the same slope; the task asks for "
        "the one with a random slope.",
    )


def sd_for_variance(variable: str, unit: str) -> Slip:
    return wrong(
        "sd_for_variance",
        f"{variable} = {variable} ** 0.5",
        "notes 3.2",
        f"You report a standard deviation; the task asks for the variance, in squared {unit}.",
    )


def correlation_for_covariance(variable: str, right: str) -> Slip:
    return wrong(
        "correlation_for_covariance",
        f"{variable} = {right}",
        "notes 3.2",
        "This is the correlation of intercepts and slopes; the task asks for their covariance.",
    )


def covariance_for_correlation(variable: str, wrong_value: str) -> Slip:
    return wrong(
        "covariance_for_correlation",
        f"{variable} = {wrong_value}",
        "notes 3.2",
        "This is the covariance; divide it by both standard deviations to get the correlation.",
    )


RAW_SES = (
    "raw = np.column_stack([np.ones(len(hsb)), hsb['ses']])\n"
    "hsb_rs_psi{0}{0} = fit_lmm(hsb['mAch'], raw, raw, hsb['school']).Psi[{1}, {1}]"
)


def raw_ses(place: int) -> Slip:
    return wrong(
        "raw_ses",
        RAW_SES.format(place, place - 1),
        "notes 3.5",
        "You let the slope of ses vary; the task asks for cses, measured from each school's own "
        "mean.",
    )


# ---- 3.4 what varies with x

no_covariance = wrong(
    "no_covariance",
    changed(total_var, ("Psi[0, 0] + 2 * x * Psi[1, 0] + x**2", "Psi[0, 0] + x**2")),
    "notes 3.4",
    "The covariance of intercepts and slopes is missing; it makes the variance differ between x "
    "and -x.",
)
covariance_once = wrong(
    "covariance_once",
    changed(total_var, ("2 * x * Psi[1, 0]", "x * Psi[1, 0]")),
    "notes 3.4",
    "The covariance enters twice, as in (a + b)^2 = a^2 + 2ab + b^2; yours enters once.",
)
x_not_squared = wrong(
    "x_not_squared",
    changed(total_var, ("x**2 * Psi[1, 1]", "x * Psi[1, 1]")),
    "notes 3.4",
    "The slope is multiplied by x, so that its variance is multiplied by x squared.",
)
within_left_out = wrong(
    "within_left_out",
    changed(total_var, (" + x**2 * Psi[1, 1] + sigma2", " + x**2 * Psi[1, 1]")),
    "notes 3.4",
    "This is the variance between clusters; the variance of a unit's response has sigma2 on top.",
)
icc_at_origin = wrong(
    "icc_at_origin",
    changed(icc_at, ("total_var(x, Psi, sigma2)", "total_var(0 * np.asarray(x), Psi, sigma2)")),
    "notes 3.4",
    "This is the intraclass correlation at x = 0; with a random slope each x has its own.",
)
icc_as_complement = wrong(
    "icc_as_complement",
    changed(icc_at, ("share = 1 - sigma2", "share = sigma2")),
    "notes 3.4",
    "This is the share of the variance within clusters; the intraclass correlation is the share "
    "between them.",
)
variance_for_covariance = wrong(
    "variance_for_covariance",
    changed(corr_at, ("@ np.array([1.0, x2])", "@ np.array([1.0, x1])")),
    "notes 3.4",
    "Your numerator is a variance, with the same x twice; the covariance has x1 on one side and "
    "x2 on the other.",
)
no_root = wrong(
    "no_root",
    changed(corr_at, ("np.sqrt(total_var", "(total_var")),
    "notes 3.4",
    "You divide by the product of the variances; a correlation divides by the product of the "
    "standard deviations.",
)
correlation_of_true_heights = wrong(
    "correlation_of_true_heights",
    changed(
        corr_at,
        (
            "total_var(x1, Psi, sigma2) * total_var(x2, Psi, sigma2)",
            "total_var(x1, Psi, 0.0) * total_var(x2, Psi, 0.0)",
        ),
    ),
    "notes 3.4",
    "This is how a school's own heights at the two x correlate over schools; two pupils also have "
    "their own sigma2 each, in the denominator.",
)


# ---- 3.5 the origin of x

sign_of_origin = wrong(
    "sign_of_origin",
    changed(recenter, ("[1.0, c]", "[1.0, -c]")),
    "notes 3.5",
    "You moved the origin the other way: with x' = x - c the new intercept is the height at "
    "x = +c.",
)
transposed_shift = wrong(
    "transposed_shift",
    changed(recenter, ("A @ Psi @ A.T", "A.T @ Psi @ A")),
    "notes 3.5",
    "Your A stands the wrong way round; intercepts change when the origin moves, slopes do not.",
)
origin_ignored = wrong(
    "origin_ignored",
    changed(recenter, ("return A @ Psi @ A.T", "return Psi")),
    "notes 3.5",
    "You left the matrix as it was; with slopes that differ, how much the lines differ in height "
    "depends on where you look.",
)


# ---- 3.6 likelihood-ratio test

TAILS = "(chi2.sf(stat, 1) + chi2.sf(stat, 2)) / 2 if stat > 0 else 1.0"

two_degrees = wrong(
    "two_degrees",
    changed(lrt_slope, (TAILS, "chi2.sf(stat, 2)")),
    "notes 3.6",
    "This is the chi-square p-value with two degrees of freedom; under the hypothesis the variance "
    "is at its boundary, so that half of the weight belongs to one degree of freedom.",
)
one_degree = wrong(
    "one_degree",
    changed(lrt_slope, (TAILS, "chi2.sf(stat, 1)")),
    "notes 3.6",
    "This is the chi-square p-value with one degree of freedom; a random slope brings a covariance "
    "as well as a variance.",
)
half_of_one_degree = wrong(
    "half_of_one_degree",
    changed(lrt_slope, (TAILS, "chi2.sf(stat, 1) / 2 if stat > 0 else 1.0")),
    "notes 3.6",
    "This is the test of Homework 1, for a single variance; a random slope brings a covariance as "
    "well, so that the mixture is one of one and two degrees of freedom.",
)
no_factor_two = wrong(
    "no_factor_two",
    changed(lrt_slope, ("2 * (ll1 - ll0)", "ll1 - ll0")),
    "notes 3.6",
    "This is the difference of the log-likelihoods; the statistic is twice that.",
)
TEST_SLIPS = (two_degrees, one_degree, half_of_one_degree)


def mixed_criteria(variable: str, statement: str) -> Slip:
    return wrong(
        "mixed_criteria",
        f"{variable} = {statement}",
        "notes 3.6",
        "One log-likelihood is by ML and the other by REML; their difference means nothing. Take "
        "both by the same method.",
    )


# ---- 3.7 prediction

ZETA = "zeta = (spread @ e[:, :, None])[:, :, 0]"
SE = "np.sqrt(fit.sigma2 * np.diagonal(spread, axis1=1, axis2=2))"

own_lines = wrong(
    "own_lines",
    changed(eb_lmm, (ZETA, "zeta = (np.linalg.pinv(stats.ZZ) @ e[:, :, None])[:, :, 0]")),
    "notes 3.7",
    "This is how the school's own least-squares line deviates, as if its few pupils told "
    "everything; the prediction also uses what the other schools say.",
)
one_by_one = wrong(
    "one_by_one",
    changed(
        eb_lmm,
        (
            "L = relative_factor(fit.theta, q)",
            "L = np.diag(np.sqrt(np.diag(fit.Psi) / fit.sigma2))",
        ),
    ),
    "notes 3.7",
    "You shrink intercepts and slopes without their covariance; where they are correlated, what "
    "is known of the one tells something about the other.",
)
line_for_deviation = wrong(
    "line_for_deviation",
    changed(eb_lmm, (ZETA, ZETA + " + fit.beta")),
    "notes 3.7",
    "This is the school's own coefficient; the task asks for its deviation from the mean of "
    "schools.",
)
error_variance = wrong(
    "error_variance",
    changed(eb_lmm, (SE, SE.replace("np.sqrt(", "("))),
    "notes 3.7",
    "This is a variance; a standard error is its square root, in the units of the coefficient.",
)
error_without_sigma = wrong(
    "error_without_sigma",
    changed(eb_lmm, (SE, SE.replace("fit.sigma2 * ", ""))),
    "notes 3.7",
    "sigma2 is missing: L A^-1 L' is the posterior covariance matrix relative to sigma2.",
)


# ---- 3.8 ranges, and slopes as outcomes

variance_as_sd = wrong(
    "variance_as_sd",
    changed(slope_range, ("np.sqrt(psi22)", "psi22")),
    "notes 3.4",
    "You stepped out from the mean by multiples of the variance; a range needs its square root, "
    "the standard deviation.",
)
range_of_beta = wrong(
    "range_of_beta",
    "exam_slope_range = slope_range(exam_slope, exam_slope_se**2)",
    "notes 3.4",
    "This is the confidence interval of the mean slope; the task asks how far the schools' own "
    "slopes spread.",
)
one_sided_range = wrong(
    "one_sided_range",
    changed(slope_range, ("norm.ppf((1 + level) / 2)", "norm.ppf(level)")),
    "notes 3.4",
    "You left the whole remainder on each side; a central range leaves half of it below and half "
    "of it above.",
)
RANGE_SLIPS = (variance_as_sd, range_of_beta, one_sided_range)
tail_from_variance = wrong(
    "tail_from_variance",
    changed(p_negative, ("beta / np.sqrt(psi22)", "beta / psi22")),
    "notes 3.4",
    "You divided the mean slope by the variance of the slopes; a z-score divides by their standard "
    "deviation.",
)
share_positive = wrong(
    "share_positive",
    changed(p_negative, ("norm.cdf(-beta", "norm.cdf(beta")),
    "notes 3.4",
    "This is the share of positive slopes; the task asks for the negative ones.",
)


QUANTITIES = (
    # ---- 3.1
    Quantity(
        "exam_slope_59",
        "3.1",
        "exam_lines.slope_59",
        "closed_form",
        "exam_slope_59",
        slips=(
            wrong(
                "intercept_for_slope",
                "exam_slope_59 = exam_lines.loc['59', 'intercept']",
                "notes 3.1",
                "This is the intercept of the line; the slope is its second coefficient.",
            ),
            wrong(
                "line_through_origin",
                "exam_slope_59 = (exam_stats.Zy[:, 1] / exam_stats.ZZ[:, 1, 1])"
                "[exam_stats.clusters == '59'][0]",
                "notes 3.1",
                "This is the slope of a line through the origin; solve for intercept and slope "
                "together.",
            ),
            wrong(
                "pooled_slope",
                "exam_slope_59 = np.linalg.solve(exam_stats.XX, exam_stats.Xy)[1]",
                "notes 3.1",
                "This is the slope of one line through all pupils; the task asks for the line of "
                "one school.",
            ),
        ),
    ),
    Quantity(
        "exam_slope_variance",
        "3.1",
        "exam_lines.slope_variance",
        "closed_form",
        "exam_slope_variance",
        slips=(
            wrong(
                "two_pupils_kept",
                "exam_slope_variance = exam_lines['slope'].var()",
                "notes 3.1",
                "One school with two pupils makes up nearly all of this number; leave out schools "
                "with fewer than five pupils.",
            ),
            wrong(
                "divided_by_count",
                "exam_slope_variance = exam_lines.loc[exam_stats.n >= 5, 'slope'].var(ddof=0)",
                "notes 3.1",
                "You divided by the number of schools; a sample variance divides by that number "
                "less one.",
            ),
            wrong(
                "intercept_for_slope",
                "exam_slope_variance = exam_lines.loc[exam_stats.n >= 5, 'intercept'].var()",
                "notes 3.1",
                "This is the variance of the intercepts; the task asks for that of the slopes.",
            ),
            sd_for_variance("exam_slope_variance", "units of the slope"),
        ),
    ),
    # ---- 3.2
    Quantity(
        "exam_dev_0",
        "3.2",
        "exam_pooled.criterion_ml",
        "deviance",
        "exam_dev_0",
        slips=(
            wrong(
                "reml_for_ml",
                "exam_dev_0 = lmm_deviance([0.0, 0.0, 0.0], exam_stats, reml=True)",
                "notes 3.3",
                "This is the REML criterion; the task asks for the deviance by maximum likelihood.",
            ),
            no_two_pi,
            fixed_part_left_in,
        ),
    ),
    Quantity(
        "exam_dev_a",
        "3.2",
        "exam_criterion_a.criterion",
        "deviance",
        "exam_dev_a",
        slips=(
            theta_squared,
            psi_for_lambda,
            upper_triangle,
            diagonal_only,
            no_identity,
            log_det_once,
            no_log_det,
            no_two_pi,
            fixed_part_left_in,
        ),
    ),
    Quantity(
        "exam_dev_3",
        "3.2",
        "exam_criterion_3.criterion",
        "deviance",
        "exam_dev_3",
        slips=(row_by_row, theta_squared, upper_triangle, diagonal_only),
    ),
    Quantity(
        "hsb_rs_crit_a",
        "3.2",
        "hsb_rs_criterion_a.criterion",
        "deviance",
        "hsb_rs_crit_a",
        slips=(
            wrong(
                "ml_for_reml",
                "hsb_rs_crit_a = lmm_deviance([0.5, 0.1, 0.2], hsb_stats, reml=False)",
                "notes 3.3",
                "This is the deviance by maximum likelihood; the task asks for the REML criterion.",
            ),
            n_for_n_minus_p,
            no_log_det_m,
            no_two_pi,
        ),
    ),
    # ---- 3.3
    Quantity(
        "exam_deviance",
        "3.3",
        "exam_rs_ml.criterion",
        "deviance",
        "exam_fit.deviance",
        slips=(
            diagonal_only,
            wrong("slopes_equal", "exam_fit = exam_ri", "notes 3.2", slopes_equal("", "").says),
            wrong(
                "reml_for_ml",
                "exam_fit = fit_lmm(exam['normexam'], exam_X, exam_X, exam['school'], reml=True)",
                "notes 3.3",
                REML_FOR_ML,
            ),
        ),
    ),
    Quantity(
        "exam_psi11",
        "3.3",
        "exam_rs_ml.psi1",
        "variance_component",
        "exam_psi11",
        slips=(
            slopes_equal("exam_psi11", "exam_ri.Psi[0, 0]"),
            sd_for_variance("exam_psi11", "units of the exam"),
            relative_psi,
            factor_turned,
        ),
    ),
    Quantity(
        "exam_psi21",
        "3.3",
        "exam_rs_ml.cov",
        "variance_component",
        "exam_psi21",
        slips=(
            correlation_for_covariance(
                "exam_psi21", "exam_psi21 / np.sqrt(exam_psi11 * exam_psi22)"
            ),
            relative_psi,
            factor_turned,
        ),
    ),
    Quantity(
        "exam_psi22",
        "3.3",
        "exam_rs_ml.psi2",
        "variance_component",
        "exam_psi22",
        slips=(
            wrong(
                "variance_of_lines",
                "exam_psi22 = exam_slope_variance",
                "notes 3.1",
                "This is the variance of the schools' own least-squares slopes; it still contains "
                "their sampling error, which the model takes off.",
            ),
            diagonal_only,
            sd_for_variance("exam_psi22", "units of the slope"),
            relative_psi,
            factor_turned,
        ),
    ),
    Quantity(
        "exam_rs_sigma2",
        "3.3",
        "exam_rs_ml.sigma2",
        "variance_component",
        "exam_sigma2",
        slips=(
            slopes_equal("exam_sigma2", "exam_ri.sigma2"),
            sd_for_variance("exam_sigma2", "units of the exam"),
        ),
    ),
    Quantity(
        "exam_slope",
        "3.3",
        "exam_rs_ml.beta2",
        "coefficient",
        "exam_slope",
        slips=(
            slopes_equal("exam_slope", "exam_ri.beta[1]"),
            wrong(
                "mean_of_lines",
                "exam_slope = exam_lines.loc[exam_stats.n >= 5, 'slope'].mean()",
                "notes 3.1",
                "This is the plain average of the schools' own slopes; the model weights them, "
                "since a slope from few pupils is known less well.",
            ),
        ),
    ),
    Quantity(
        "exam_slope_se",
        "3.3",
        "exam_rs_ml.se2",
        "standard_error",
        "exam_slope_se",
        slips=(
            slopes_equal("exam_slope_se", "exam_ri.se[1]"),
            se_without_sigma,
            se_from_diagonal,
        ),
    ),
    Quantity(
        "exam_corr",
        "3.3",
        "exam_rs_ml.corr",
        "ratio",
        "exam_corr",
        slips=(
            covariance_for_correlation("exam_corr", "exam_psi21"),
            wrong(
                "correlation_without_root",
                "exam_corr = exam_psi21 / (exam_psi11 * exam_psi22)",
                "notes 3.2",
                "You divided by the product of the variances; a correlation divides by the product "
                "of the standard deviations.",
            ),
        ),
    ),
    Quantity(
        "hsb_rs_deviance",
        "3.3",
        "hsb_rs_reml.criterion",
        "deviance",
        "hsb_fit.deviance",
        slips=(
            always_ml,
            wrong(
                "raw_ses",
                "raw = np.column_stack([np.ones(len(hsb)), hsb['ses']])\n"
                "hsb_fit = fit_lmm(hsb['mAch'], raw, raw, hsb['school'])",
                "notes 3.5",
                raw_ses(1).says,
            ),
        ),
    ),
    Quantity(
        "hsb_rs_psi11",
        "3.3",
        "hsb_rs_reml.psi1",
        "variance_component",
        "hsb_rs_psi11",
        slips=(always_ml, raw_ses(1), sd_for_variance("hsb_rs_psi11", "test points")),
    ),
    Quantity(
        "hsb_rs_psi22",
        "3.3",
        "hsb_rs_reml.psi2",
        "variance_component",
        "hsb_rs_psi22",
        slips=(always_ml, raw_ses(2), sd_for_variance("hsb_rs_psi22", "units of the slope")),
    ),
    Quantity(
        "bdf_rs_psi11",
        "3.3",
        "bdf_rs_ml.psi1",
        "variance_component",
        "bdf_rs_psi11",
        slips=(
            wrong(
                "iq_not_centered",
                "raw = np.column_stack([np.ones(len(bdf)), bdf['IQ_verb']])\n"
                "bdf_rs_psi11 = fit_lmm(bdf['langPOST'], raw, raw, bdf['schoolNR'], reml=False)"
                ".Psi[0, 0]",
                "notes 3.5",
                "This is the variance of intercepts at a verbal IQ of 0, which no pupil has; "
                "measure IQ from its mean.",
            ),
            slopes_equal("bdf_rs_psi11", "bdf_ri.Psi[0, 0]"),
            wrong(
                "reml_for_ml",
                "bdf_rs_psi11 = fit_lmm(bdf['langPOST'], bdf_X, bdf_X, bdf['schoolNR']).Psi[0, 0]",
                "notes 3.3",
                REML_FOR_ML,
            ),
            sd_for_variance("bdf_rs_psi11", "test points"),
        ),
    ),
    Quantity(
        "bdf_rs_psi22",
        "3.3",
        "bdf_rs_ml.psi2",
        "variance_component",
        "bdf_rs_psi22",
        slips=(
            wrong(
                "reml_for_ml",
                "bdf_rs_psi22 = fit_lmm(bdf['langPOST'], bdf_X, bdf_X, bdf['schoolNR']).Psi[1, 1]",
                "notes 3.3",
                REML_FOR_ML,
            ),
            sd_for_variance("bdf_rs_psi22", "units of the slope"),
        ),
    ),
    Quantity(
        "bdf_rs_corr",
        "3.3",
        "bdf_rs_ml.corr",
        "ratio",
        "bdf_rs_corr",
        slips=(
            covariance_for_correlation("bdf_rs_corr", "bdf_fit.Psi[1, 0]"),
            wrong(
                "correlation_sign",
                "bdf_rs_corr = abs(bdf_rs_corr)",
                "notes 3.2",
                "You lost the sign; it tells whether schools with high intercepts have steep or "
                "flat lines.",
            ),
        ),
    ),
    # ---- 3.4
    Quantity(
        "exam_var_low",
        "3.4",
        "exam_rs_ml.var_at_m2",
        "variance_component",
        "exam_var_low",
        slips=(no_covariance, covariance_once, x_not_squared, within_left_out),
    ),
    Quantity(
        "exam_var_high",
        "3.4",
        "exam_rs_ml.var_at_2",
        "variance_component",
        "exam_var_high",
        slips=(no_covariance, covariance_once, x_not_squared, within_left_out),
    ),
    Quantity(
        "exam_icc_low",
        "3.4",
        "exam_rs_ml.icc_at_m2",
        "ratio",
        "exam_icc_low",
        slips=(
            icc_at_origin,
            icc_as_complement,
            no_covariance,
            slopes_equal(
                "exam_icc_low", "exam_ri.Psi[0, 0] / (exam_ri.Psi[0, 0] + exam_ri.sigma2)"
            ),
        ),
    ),
    Quantity(
        "exam_icc_high",
        "3.4",
        "exam_rs_ml.icc_at_2",
        "ratio",
        "exam_icc_high",
        slips=(
            icc_at_origin,
            icc_as_complement,
            no_covariance,
            slopes_equal(
                "exam_icc_high", "exam_ri.Psi[0, 0] / (exam_ri.Psi[0, 0] + exam_ri.sigma2)"
            ),
        ),
    ),
    Quantity(
        "exam_corr_weak_strong",
        "3.4",
        "exam_rs_ml.corr_m1_1",
        "ratio",
        "exam_corr_weak_strong",
        slips=(
            variance_for_covariance,
            no_root,
            correlation_of_true_heights,
            wrong(
                "icc_for_correlation",
                "exam_corr_weak_strong = icc_at(0, exam_fit.Psi, exam_sigma2)",
                "notes 3.4",
                "This is the correlation of two pupils who both are at 0; here one is at -1 and "
                "the other at 1.",
            ),
        ),
    ),
    # ---- 3.5
    Quantity(
        "exam_psi11_low",
        "3.5",
        "exam_rs_low_ml.psi1",
        "variance_component",
        "exam_psi11_low",
        slips=(
            sign_of_origin,
            origin_ignored,
            wrong(
                "total_for_between",
                "exam_psi11_low = exam_psi11_low + exam_sigma2",
                "notes 3.4",
                "This is the variance of pupils at that x; the new psi11 is the part between "
                "schools.",
            ),
        ),
    ),
    Quantity(
        "exam_corr_low",
        "3.5",
        "exam_rs_low_ml.corr",
        "ratio",
        "exam_corr_low",
        slips=(
            sign_of_origin,
            transposed_shift,
            origin_ignored,
            covariance_for_correlation("exam_corr_low", "exam_Psi_low[1, 0]"),
        ),
    ),
    Quantity(
        "exam_x_lowest",
        "3.5",
        "exam_rs_ml.lowest_x",
        "ratio",
        "exam_x_lowest",
        slips=(
            wrong(
                "lowest_sign",
                "exam_x_lowest = -exam_x_lowest",
                "notes 3.5",
                "The size is right and the sign is turned: with a positive covariance the lines "
                "are closest on the left of the origin.",
            ),
            wrong(
                "lowest_from_intercepts",
                "exam_x_lowest = -exam_psi21 / exam_psi11",
                "notes 3.5",
                "You divided by the variance of the intercepts; set the derivative of the "
                "parabola, 2 psi21 + 2 x psi22, to 0.",
            ),
            wrong(
                "lowest_half",
                "exam_x_lowest = exam_x_lowest / 2",
                "notes 3.5",
                "A factor 2 has been lost: both psi21 and x psi22 have one in the derivative.",
            ),
        ),
    ),
    # ---- 3.6
    Quantity(
        "exam_slope_lrt",
        "3.6",
        "exam_rs_ml.lrt",
        "deviance",
        "exam_slope_lrt",
        slips=(
            no_factor_two,
            mixed_criteria(
                "exam_slope_lrt",
                "2 * (exam_fit.llf - fit_lmm(exam['normexam'], exam_X, exam_X[:, :1], "
                "exam['school']).llf)",
            ),
        ),
    ),
    Quantity(
        "hsb_slope_lrt",
        "3.6",
        "hsb_rs_reml.lrt",
        "deviance",
        "hsb_slope_lrt",
        slips=(
            no_factor_two,
            mixed_criteria(
                "hsb_slope_lrt",
                "2 * (fit_lmm(hsb['mAch'], hsb_X, hsb_X, hsb['school'], reml=False).llf "
                "- hsb_ri.llf)",
            ),
        ),
    ),
    Quantity(
        "hsb_slope_lrt_p",
        "3.6",
        "hsb_rs_reml.lrt_p",
        "p_value",
        "hsb_slope_lrt_p",
        slips=TEST_SLIPS,
    ),
    Quantity(
        "bdf_slope_lrt_p",
        "3.6",
        "bdf_rs_ml.lrt_p",
        "p_value",
        "bdf_slope_lrt_p",
        slips=TEST_SLIPS,
    ),
    # ---- 3.7
    Quantity(
        "eb_59_intercept",
        "3.7",
        "exam_rs_ml.zeta1_59",
        "prediction",
        "eb_59_intercept",
        slips=(own_lines, one_by_one, line_for_deviation),
    ),
    Quantity(
        "eb_59_slope",
        "3.7",
        "exam_rs_ml.zeta2_59",
        "prediction",
        "eb_59_slope",
        slips=(own_lines, one_by_one, line_for_deviation),
    ),
    Quantity(
        "eb_48_slope",
        "3.7",
        "exam_rs_ml.zeta2_48",
        "prediction",
        "eb_48_slope",
        slips=(own_lines, one_by_one, line_for_deviation),
    ),
    Quantity(
        "eb_1_slope_se",
        "3.7",
        "exam_rs_ml.se2_1",
        "prediction",
        "eb_1_slope_se",
        slips=(
            error_variance,
            error_without_sigma,
            wrong(
                "slope_prior_sd",
                "eb_1_slope_se = exam_psi22**0.5",
                "notes 3.7",
                "This is the standard deviation of slopes before anything is known of this school; "
                "its pupils have told us something, so the error is smaller.",
            ),
            wrong(
                "error_of_own_line",
                "eb_1_slope_se = np.sqrt(exam_sigma2 * np.linalg.inv(exam_stats.ZZ[0])[1, 1])",
                "notes 3.7",
                "This is the standard error of the school's own least-squares slope; the "
                "prediction also uses what the other schools say, and its error is smaller.",
            ),
        ),
    ),
    # ---- 3.8
    Quantity(
        "exam_slope_range_low",
        "3.8",
        "exam_rs_ml.range_low",
        "prediction",
        "exam_slope_range[0]",
        slips=RANGE_SLIPS,
    ),
    Quantity(
        "exam_slope_range_high",
        "3.8",
        "exam_rs_ml.range_high",
        "prediction",
        "exam_slope_range[1]",
        slips=RANGE_SLIPS,
    ),
    Quantity(
        "hsb_p_negative",
        "3.8",
        "hsb_rs_reml.p_negative",
        "p_value",
        "hsb_p_negative",
        slips=(tail_from_variance, share_positive),
    ),
    Quantity(
        "cross_meanses",
        "3.8",
        "table_45_reml.beta5",
        "coefficient",
        "cross_meanses",
        slips=(
            wrong(
                "main_effect_for_interaction",
                "cross_meanses = table_45.beta[2]",
                "notes 3.8",
                "This coefficient says how the intercepts of schools go with MEANSES; the one of "
                "the product says how their slopes do.",
            ),
            wrong(
                "slopes_equal",
                "cross_meanses = table_45_ri.beta[4]",
                "notes 3.8",
                "This comes from the model without a random slope; Table 4.5 lets the slopes vary "
                "beyond what MEANSES and sector explain.",
            ),
        ),
    ),
    Quantity(
        "cross_sector",
        "3.8",
        "table_45_reml.beta6",
        "coefficient",
        "cross_sector",
        slips=(
            wrong(
                "main_effect_for_interaction",
                "cross_sector = table_45.beta[3]",
                "notes 3.8",
                "This coefficient says how the intercepts of the two sectors differ; the one of "
                "the product says how their slopes do.",
            ),
            wrong(
                "slope_of_a_sector",
                "cross_sector = table_45.beta[1] + table_45.beta[5]",
                "notes 3.8",
                "This is a slope in Catholic schools; the task asks by how much it differs from "
                "that in public schools.",
            ),
            wrong(
                "sector_turned",
                "cross_sector = -cross_sector",
                "notes 3.8",
                "The size is right and the sign is turned: in the published table 1 stands for "
                "Catholic and 0 for public.",
            ),
            wrong(
                "slopes_equal",
                "cross_sector = table_45_ri.beta[5]",
                "notes 3.8",
                "This comes from the model without a random slope; Table 4.5 lets the slopes vary "
                "beyond what MEANSES and sector explain.",
            ),
        ),
    ),
    Quantity(
        "slope_share",
        "3.8",
        "table_45_reml.slope_share",
        "ratio",
        "slope_share",
        slips=(
            wrong(
                "share_left",
                "slope_share = 1 - slope_share",
                "notes 3.8",
                "This is the share that is left; the task asks for the share that is explained.",
            ),
            wrong(
                "share_from_sds",
                "slope_share = 1 - np.sqrt(1 - slope_share)",
                "notes 3.8",
                "You compared standard deviations; a share explained compares variances.",
            ),
            wrong(
                "share_of_intercepts",
                "slope_share = 1 - table_45.Psi[0, 0] / table_44.Psi[0, 0]",
                "notes 3.8",
                "This is the share of the variance of the intercepts; the task asks for that of "
                "the slopes.",
            ),
        ),
    ),
    Quantity(
        "rest_p",
        "3.8",
        "table_45_reml.lrt_p",
        "p_value",
        "rest_p",
        slips=TEST_SLIPS,
    ),
    Quantity(
        "t_random_slopes",
        "3.8",
        "exam_cross_rs_ml.t4",
        "ratio",
        "t_random_slopes",
        slips=(
            wrong(
                "slopes_equal",
                "t_random_slopes = t_equal_slopes",
                "notes 3.8",
                "This comes from the model in which schools with the same intake have the same "
                "slope; the task asks for the one with a random slope.",
            ),
        ),
    ),
    Quantity(
        "t_equal_slopes",
        "3.8",
        "exam_cross_ri_ml.t4",
        "ratio",
        "t_equal_slopes",
    ),
)
