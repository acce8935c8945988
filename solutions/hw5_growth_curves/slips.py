"""Homework 5: the numbers that are checked, and the known ways to get them wrong.

The types stand in `autograder.slips`; what each slip gives is computed by
``python -m autograder.references hw5`` and kept in ``autograder/references/hw5.json``.
A wrong function is the right one with a piece of its code changed.
A wrong answer is a statement in the notebook's variables: data sets, answers, functions, np.
"""

from autograder.slips import Quantity, Slip, WrongAnswer, WrongFunction, changed
from hlmtools.growth import (
    code_time,
    corr_at,
    corr_int_slope,
    gap_at,
    growth_fit,
    growth_profile,
    person_period,
    pseudo_r2,
    shift_time,
    trajectory_eb,
    var_at,
)

__all__ = ["ANSWERS", "QUANTITIES"]

WAVES = "dict(zip([f'wave{i}' for i in range(1, 7)], np.arange(-2.5, 3.0)))"
PIVOT = "egsingle.pivot_table(index='childid', columns='year', values='math')"


def fit(X: str, Z: str, more: str = "") -> str:
    """A fit to egsingle, as text."""
    return f"growth_fit(egsingle['math'], {X}, {Z}, egsingle['childid']{more})"


# The notebook's answers, as functions of the data sets and of each other.
ANSWERS = {
    "waves": WAVES,
    "egsingle_wide": f"{PIVOT}.set_axis(list({WAVES}), axis=1)",
    "egsingle_long": "person_period(egsingle_wide, waves)",
    "egsingle_rows": "len(egsingle_long)",
    "egsingle_complete": "int((egsingle_long.groupby('person').size() == 6).sum())",
    "egsingle_from_start": "code_time(egsingle['year'], origin=-2.5)",
    "sleepstudy_week": "code_time(sleepstudy['Days'], unit=7)",
    "egsingle_X": "pd.DataFrame({'intercept': 1.0, 'year': egsingle['year']})",
    "egsingle_cross": fit("egsingle_X", "egsingle_X").replace("growth_fit", "cross_products"),
    "egsingle_dev_trial": "growth_profile([1.5, 0.1, 0.3], egsingle_cross).deviance",
    "egsingle_fit": fit("egsingle_X", "egsingle_X"),
    "egsingle_growth": "egsingle_fit.beta['year']",
    "egsingle_growth_se": "egsingle_fit.se['year']",
    "egsingle_psi_slope": "egsingle_fit.Psi[1, 1]",
    "egsingle_sigma2": "egsingle_fit.sigma2",
    "sleepstudy_X": "pd.DataFrame({'intercept': 1.0, 'week': sleepstudy_week})",
    "sleepstudy_fit": (
        "growth_fit(sleepstudy['Reaction'], sleepstudy_X, sleepstudy_X, sleepstudy['Subject'])"
    ),
    "sleepstudy_slope_week": "sleepstudy_fit.beta['week']",
    "oxboys_X": "pd.DataFrame({'intercept': 1.0, 'age': oxboys['age']})",
    "oxboys_fit": "growth_fit(oxboys['height'], oxboys_X, oxboys_X, oxboys['Subject'])",
    "oxboys_psi_slope": "oxboys_fit.Psi[1, 1]",
    "egsingle_at_start": "shift_time(egsingle_fit.Psi, egsingle_fit.beta, -2.5)",
    "egsingle_at_end": "shift_time(egsingle_fit.Psi, egsingle_fit.beta, 2.5)",
    "years": "np.arange(-2.5, 3.0)",
    "egsingle_var": "var_at(years, egsingle_fit.Psi, egsingle_fit.sigma2)",
    "egsingle_corr_far": "corr_at(-2.5, 2.5, egsingle_fit.Psi, egsingle_fit.sigma2)",
    "egsingle_corr_near": "corr_at(1.5, 2.5, egsingle_fit.Psi, egsingle_fit.sigma2)",
    "egsingle_least_var": "-egsingle_fit.Psi[0, 1] / egsingle_fit.Psi[1, 1]",
    "oxboys_var_end": "var_at(1.0, oxboys_fit.Psi, oxboys_fit.sigma2)",
    "egsingle_r_start": "corr_int_slope(egsingle_at_start[0])",
    "egsingle_r_middle": "corr_int_slope(egsingle_fit.Psi)",
    "egsingle_r_end": "corr_int_slope(egsingle_at_end[0])",
    "oxboys_r": "corr_int_slope(oxboys_fit.Psi)",
    "start_X": "pd.DataFrame({'intercept': 1.0, 'time': egsingle_from_start})",
    "egsingle_dev_uncorr_middle": (
        fit("egsingle_X", "egsingle_X", ", correlated=False") + ".deviance"
    ),
    "egsingle_dev_uncorr_start": fit("start_X", "start_X", ", correlated=False") + ".deviance",
    "groups_X": "growth_design(egsingle['year'], egsingle[['black', 'hispanic']])",
    "groups_fit": fit("groups_X", "egsingle_X"),
    "parallel_X": "groups_X[['intercept', 'time', 'black', 'hispanic']]",
    "parallel_fit": fit("parallel_X", "egsingle_X"),
    "groups_growth_gap": "groups_fit.beta['time:black']",
    "groups_gap_start": "gap_at(groups_fit, 'black', 'time:black', -2.5)",
    "groups_gap_end": "gap_at(groups_fit, 'black', 'time:black', 2.5)",
    "groups_lrt": "2 * (groups_fit.llf - parallel_fit.llf)",
    "groups_r2": "pseudo_r2(egsingle_fit.Psi, groups_fit.Psi)",
    "groups_r2_end": (
        "pseudo_r2(egsingle_at_end[0], "
        "shift_time(groups_fit.Psi, groups_fit.beta[['intercept', 'time']], 2.5)[0])[0]"
    ),
    "egsingle_eb": "trajectory_eb(egsingle_fit)",
    "child_level": "egsingle_eb.loc['309364181', 'intercept']",
    "child_slope": "egsingle_eb.loc['309364181', 'year']",
    "child_end": (
        "egsingle_fit.beta['intercept'] + child_level + "
        "2.5 * (egsingle_fit.beta['year'] + child_slope)"
    ),
    "curve_X": "egsingle_X.assign(year2=egsingle['year'] ** 2)",
    "curve_fit": fit("curve_X", "egsingle_X"),
    "egsingle_curvature": "curve_fit.beta['year2']",
    "egsingle_curve_lrt": "2 * (curve_fit.llf - egsingle_fit.llf)",
}


def wrong(name: str, code: str | WrongFunction, see: str, says: str) -> Slip:
    """A slip; a text as its code is a wrong answer's statement."""
    return Slip(name, says, see, WrongAnswer(code) if isinstance(code, str) else code)


def sd_for_variance(variable: str, unit: str, see: str) -> Slip:
    return wrong(
        "sd_for_variance",
        f"{variable} = {variable} ** 0.5",
        see,
        f"You report a standard deviation; the task asks for the variance, in squared {unit}.",
    )


# ---- 5.1 persons and periods

complete_persons_only = wrong(
    "complete_persons_only",
    changed(
        person_period,
        (
            "pd.concat(waves)",
            "pd.concat(waves).groupby('person').filter(lambda d: d['y'].notna().all())",
        ),
    ),
    "notes 5.1",
    "You kept only persons who were measured every time; drop the single measurement that is "
    "missing, and keep what else is known of that person.",
)
missing_rows_kept = wrong(
    "missing_rows_kept",
    changed(person_period, ('.dropna(subset=["y"])', "")),
    "notes 5.1",
    "Your long table has rows for measurements that were never made; leave out the rows in which "
    "y is missing.",
)
origin_added = wrong(
    "origin_added",
    changed(code_time, ("- origin", "+ origin")),
    "notes 5.1",
    "You added the origin; subtract it, so that the time called origin becomes 0.",
)
unit_multiplied = wrong(
    "unit_multiplied",
    changed(code_time, (") / unit", ") * unit")),
    "notes 5.1",
    "You multiplied by the unit; seven days make one week, so that days are divided by 7.",
)


# ---- 5.2 the growth model

no_log_determinant = wrong(
    "no_log_determinant",
    changed(growth_profile, ("np.linalg.slogdet(A)[1].sum() + ", "")),
    "notes 5.2",
    "The sum of log det A_j is missing; without it nothing speaks against ever larger variances.",
)
no_two_pi_in_growth = wrong(
    "no_two_pi",
    changed(growth_profile, ("np.log(2 * np.pi * sigma2)", "np.log(sigma2)")),
    "notes 5.2",
    "The constant 2 pi is missing: your minimum is at the right place, but the deviance cannot be "
    "compared with that of other programs.",
)
theta_as_diagonal = wrong(
    "theta_as_diagonal",
    changed(
        growth_profile,
        ("Lambda[rows, columns] = theta", "Lambda[rows, columns] = theta * (rows == columns)"),
    ),
    "notes 5.2",
    "You use only the diagonal of Lambda; the entry below it lets level and growth go together.",
)
psi_without_sigma2 = wrong(
    "psi_without_sigma2",
    changed(growth_fit, ("best.sigma2 * Lambda @ Lambda.T", "Lambda @ Lambda.T")),
    "notes 5.2",
    "This is Lambda Lambda', in units of the variance within persons; multiply it by sigma2.",
)
lambda_for_psi = wrong(
    "lambda_for_psi",
    changed(growth_fit, ("best.sigma2 * Lambda @ Lambda.T", "best.sigma2 * Lambda")),
    "notes 5.2",
    "You forgot to multiply Lambda by its transpose: Psi is sigma2 Lambda Lambda'.",
)
uncorrelated_fit = wrong(
    "uncorrelated_fit",
    changed(growth_fit, ("(rows == columns) | correlated", "rows == columns")),
    "notes 5.2",
    "Your fit keeps level and growth uncorrelated; leave the entry below the diagonal of Lambda "
    "free unless correlated is False.",
)


intercept_only = wrong(
    "intercept_only",
    "egsingle_fit = " + fit("egsingle_X", "egsingle_X[['intercept']]"),
    "notes 5.2",
    "In this fit all children grow at the same rate; put year into the random part as well.",
)
GRADE_FOR_YEAR = (
    "You measure time by grade; a child who repeats a grade grows older without moving on, so that "
    "grade is partly an outcome. Take year."
)
GRADE_FIT = "pd.DataFrame({'intercept': 1.0, 'year': egsingle['grade']})"


# ---- 5.3 another origin

UNCHANGED_LEVEL = (
    "This is the variance at the old origin; where lines are not parallel, children differ by "
    "another amount at another moment."
)
sign_of_shift = wrong(
    "sign_of_shift",
    changed(shift_time, ("[[1.0, c], [0.0, 1.0]]", "[[1.0, -c], [0.0, 1.0]]")),
    "notes 5.3",
    "You moved the origin the other way: the intercept at the new origin is beta_1 + c beta_2.",
)
shift_without_covariance = wrong(
    "shift_without_covariance",
    changed(
        shift_time,
        ("A @ old @ A.T", "np.array([[old[0, 0] + c**2 * old[1, 1], old[0, 1]], old[1]])"),
    ),
    "notes 5.3",
    "The term 2 c psi_21 is missing: level and growth go together, and that counts when the "
    "origin moves.",
)
shift_transposed = wrong(
    "shift_transposed",
    changed(shift_time, ("A @ old @ A.T", "A.T @ old @ A")),
    "notes 5.3",
    "A and its transpose have changed places: Psi' is A Psi A', and it leaves the variance of the "
    "slopes as it was.",
)
intercepts_variance_unchanged = wrong(
    "intercepts_variance_unchanged",
    changed(shift_time, ("A @ old @ A.T", "old")),
    "notes 5.3",
    UNCHANGED_LEVEL,
)
mean_not_shifted = wrong(
    "mean_not_shifted",
    changed(shift_time, ("A @ coefficients", "coefficients")),
    "notes 5.3",
    "This is the mean at the old origin; the mean line has risen or fallen between the two.",
)


# ---- 5.4 variance and correlation over time

VAR = "matrix[0, 0] + 2 * times * matrix[0, 1] + times**2 * matrix[1, 1] + sigma2"

var_without_covariance = wrong(
    "var_without_covariance",
    changed(var_at, (" + 2 * times * matrix[0, 1]", "")),
    "notes 5.4",
    "The term with the covariance of level and growth is missing; without it the variance would "
    "be the same before and after time 0.",
)
var_covariance_once = wrong(
    "var_covariance_once",
    changed(var_at, ("+ 2 * times *", "+ times *")),
    "notes 5.4",
    "The covariance of level and growth counts twice: the variance of a sum holds 2 t psi_21.",
)
var_time_not_squared = wrong(
    "var_time_not_squared",
    changed(var_at, ("times**2 * matrix[1, 1]", "times * matrix[1, 1]")),
    "notes 5.4",
    "Square the time that stands before the variance of the slopes.",
)
var_without_sigma2 = wrong(
    "var_without_sigma2",
    changed(var_at, (" + sigma2\n", "\n")),
    "notes 5.4",
    "This is the variance of the true values at that time; a measurement also has the variance "
    "within persons.",
)
sd_at = wrong(
    "sd_for_variance",
    changed(var_at, (VAR, f"np.sqrt({VAR})")),
    "notes 5.4",
    "You report a standard deviation; the task asks for the variance.",
)
sigma2_in_covariance = wrong(
    "sigma2_in_covariance",
    changed(corr_at, ("first * second * matrix[1, 1]", "first * second * matrix[1, 1] + sigma2")),
    "notes 5.4",
    "You put sigma2 into the covariance; errors of two measurements are independent, so that it "
    "stands in the variances only.",
)
corr_without_covariance = wrong(
    "corr_without_covariance",
    changed(corr_at, (" + (first + second) * matrix[0, 1]", "")),
    "notes 5.4",
    "The covariance of two measurements has a term (t1 + t2) psi_21; yours lacks it.",
)
corr_of_true_values = wrong(
    "corr_of_true_values",
    changed(
        corr_at,
        (
            "np.asarray(var_at(t1, Psi, sigma2)) * var_at(t2, Psi, sigma2)",
            "np.asarray(var_at(t1, Psi, 0.0)) * var_at(t2, Psi, 0.0)",
        ),
    ),
    "notes 5.4",
    "This is the correlation of the true values; measurements carry error, so sigma2 belongs into "
    "both variances.",
)
corr_undivided = wrong(
    "corr_undivided",
    changed(corr_at, ("shared / spread", "shared * np.ones_like(spread)")),
    "notes 5.4",
    "This is a covariance; divide it by the square root of the product of the two variances.",
)
corr_product_of_variances = wrong(
    "corr_product_of_variances",
    changed(corr_at, ("spread = np.sqrt(", "spread = (")),
    "notes 5.4",
    "You divide by the product of the two variances; take its square root.",
)


VAR_SLIPS = (
    var_without_covariance,
    var_covariance_once,
    var_time_not_squared,
    var_without_sigma2,
    sd_at,
)

# ---- 5.5 level and growth

covariance_for_correlation = wrong(
    "covariance_for_correlation",
    changed(
        corr_int_slope,
        ("float(matrix[0, 1] / np.sqrt(matrix[0, 0] * matrix[1, 1]))", "float(matrix[0, 1])"),
    ),
    "notes 5.3",
    "This is the covariance; divide it by both standard deviations.",
)
correlation_over_variances = wrong(
    "correlation_over_variances",
    changed(
        corr_int_slope, ("np.sqrt(matrix[0, 0] * matrix[1, 1])", "(matrix[0, 0] * matrix[1, 1])")
    ),
    "notes 5.3",
    "You divided the covariance by both variances; divide it by both standard deviations.",
)
regression_for_correlation = wrong(
    "regression_for_correlation",
    changed(corr_int_slope, ("np.sqrt(matrix[0, 0] * matrix[1, 1])", "matrix[0, 0]")),
    "notes 5.3",
    "This is the slope of a regression of growth on level; a correlation divides by both standard "
    "deviations.",
)
CORR_SLIPS = (
    covariance_for_correlation,
    correlation_over_variances,
    regression_for_correlation,
)


def correlated_after_all(variable: str) -> Slip:
    return wrong(
        "correlated_after_all",
        f"{variable} = egsingle_fit.deviance",
        "notes 5.3",
        "This is the deviance of the fit with a correlation; fit it again with correlated=False.",
    )


def origin_of_middle(variable: str) -> Slip:
    return wrong(
        "origin_of_middle",
        f"{variable} = corr_int_slope(egsingle_fit.Psi)",
        "notes 5.3",
        "This is the correlation at year 0; it belongs to its origin, and the task asks for it at "
        "another one.",
    )


# ---- 5.6 groups

products_left_out = wrong(
    "products_left_out",
    "groups_fit = parallel_fit",
    "notes 5.5",
    "Your model has no product of time and group: its gaps are the same at all times, and it "
    "cannot answer whether they grow.",
)
gap_without_time = wrong(
    "gap_without_time",
    changed(
        gap_at,
        ("gap = weights @ fit.beta[names].to_numpy()", "gap = fit.beta[level]"),
    ),
    "notes 5.5",
    "This is the gap at time 0; add t times the coefficient of the product.",
)
gap_sign_of_time = wrong(
    "gap_sign_of_time",
    changed(gap_at, ("np.array([1.0, t])", "np.array([1.0, -t])")),
    "notes 5.5",
    "You subtracted what the group loses or gains with time; add it, with t as it stands.",
)
gap_se_without_covariance = wrong(
    "gap_se_without_covariance",
    changed(
        gap_at,
        (
            "weights @ fit.cov_beta.loc[names, names].to_numpy() @ weights",
            "weights**2 @ np.diag(fit.cov_beta.loc[names, names])",
        ),
    ),
    "notes 5.5",
    "The covariance of the two estimates is missing in this standard error.",
)
gap_variance_for_se = wrong(
    "variance_for_se",
    changed(gap_at, ("float(np.sqrt(variance))", "float(variance)")),
    "notes 5.5",
    "This is a variance; a standard error is its square root, in the units of y.",
)


# ---- 5.7 proportional reduction

r2_from_sds = wrong(
    "r2_from_sds",
    changed(
        pseudo_r2, ("np.diag(after) / np.diag(before)", "np.sqrt(np.diag(after) / np.diag(before))")
    ),
    "notes 5.5",
    "You compare standard deviations; the reduction is one of variance.",
)
r2_as_ratio = wrong(
    "r2_as_ratio",
    changed(
        pseudo_r2, ("(1 - np.diag(after) / np.diag(before))", "(np.diag(after) / np.diag(before))")
    ),
    "notes 5.5",
    "This is the share of the variance that is left; the reduction is one minus that.",
)
r2_over_after = wrong(
    "r2_over_after",
    changed(
        pseudo_r2,
        ("(1 - np.diag(after) / np.diag(before))", "(np.diag(before) / np.diag(after) - 1)"),
    ),
    "notes 5.5",
    "You divide by the variance that is left; divide by the one there was to begin with.",
)


# ---- 5.8 trajectories

ZETA = "zeta = np.linalg.solve(weight, (residual @ fit.Psi)[..., None])[..., 0]"

own_line = wrong(
    "own_line",
    changed(
        trajectory_eb,
        (
            ZETA,
            "zeta = np.einsum('jqr,jr->jq', np.linalg.pinv(cross.ZZ), residual)",
        ),
    ),
    "notes 5.6",
    "This is the line through the child's own points; empirical Bayes weighs it against what is "
    "known of the other children.",
)
shrunk_separately = wrong(
    "shrunk_separately",
    changed(
        trajectory_eb,
        (
            "fit.sigma2 * np.eye(q) + fit.Psi @ cross.ZZ",
            "fit.sigma2 * np.eye(q) + np.diag(np.diag(fit.Psi)) @ cross.ZZ",
        ),
        ("residual @ fit.Psi", "residual @ np.diag(np.diag(fit.Psi))"),
    ),
    "notes 5.6",
    "You shrink level and growth as if they had nothing to do with each other; use the whole of "
    "Psi, with its covariance.",
)
sigma2_left_out = wrong(
    "sigma2_left_out",
    changed(trajectory_eb, ("fit.sigma2 * np.eye(q) +", "np.eye(q) +")),
    "notes 5.6",
    "The first term of the matrix to invert is sigma2 I, not I: the noisier the measurements, the "
    "more a line is shrunk.",
)

QUANTITIES = (
    # ---- 5.1
    Quantity(
        "egsingle_rows",
        "5.1",
        "egsingle_rows.rows",
        "closed_form",
        "egsingle_rows",
        slips=(
            complete_persons_only,
            missing_rows_kept,
            wrong(
                "persons_for_rows",
                "egsingle_rows = egsingle_long['person'].nunique()",
                "notes 5.1",
                "This is the number of children; in the long table each measurement has a row.",
            ),
        ),
    ),
    Quantity(
        "egsingle_complete",
        "5.1",
        "egsingle_rows.all_six",
        "closed_form",
        "egsingle_complete",
        slips=(
            missing_rows_kept,
            wrong(
                "rows_for_persons",
                "egsingle_complete = egsingle_complete * 6",
                "notes 5.1",
                "This counts their measurements; the task asks for the number of children.",
            ),
        ),
    ),
    Quantity(
        "egsingle_from_start",
        "5.1",
        "egsingle_rows.mean_t_start",
        "closed_form",
        "np.mean(egsingle_from_start)",
        slips=(
            origin_added,
            wrong(
                "grade_for_time",
                "egsingle_from_start = egsingle['grade'].to_numpy(dtype=float)",
                "notes 5.1",
                "This is the grade; a child who repeats a grade has one and not the other.",
            ),
        ),
    ),
    # ---- 5.2
    Quantity(
        "egsingle_dev_trial",
        "5.2",
        "egsingle_line_off_optimum.criterion",
        "deviance",
        "egsingle_dev_trial",
        slips=(
            no_log_determinant,
            no_two_pi_in_growth,
            theta_as_diagonal,
            wrong(
                "loglik_for_deviance",
                "egsingle_dev_trial = egsingle_dev_trial / -2",
                "notes 5.2",
                "This is a log-likelihood; the deviance is minus two times that.",
            ),
        ),
    ),
    Quantity(
        "egsingle_deviance",
        "5.2",
        "egsingle_line.criterion",
        "deviance",
        "egsingle_fit.deviance",
        slips=(
            uncorrelated_fit,
            intercept_only,
            wrong(
                "grade_for_year",
                f"grade_X = {GRADE_FIT}\negsingle_fit = " + fit("grade_X", "grade_X"),
                "notes 5.1",
                GRADE_FOR_YEAR,
            ),
        ),
    ),
    Quantity(
        "egsingle_growth",
        "5.2",
        "egsingle_line.beta2",
        "growth_coefficient",
        "egsingle_growth",
        slips=(
            wrong(
                "grade_for_year",
                f"grade_X = {GRADE_FIT}\n"
                "egsingle_growth = " + fit("grade_X", "grade_X") + ".beta['year']",
                "notes 5.1",
                GRADE_FOR_YEAR,
            ),
            wrong(
                "pooled_slope",
                "egsingle_growth = np.polyfit(egsingle['year'], egsingle['math'], 1)[0]",
                "notes 5.2",
                "This is the slope of one line through all points; it mixes growth within children "
                "with differences between those who were tested early and late.",
            ),
            wrong(
                "level_for_growth",
                "egsingle_growth = egsingle_fit.beta['intercept']",
                "notes 5.2",
                "This is the mean level at year 0; growth is the coefficient of year.",
            ),
        ),
    ),
    Quantity(
        "egsingle_growth_se",
        "5.2",
        "egsingle_line.se2",
        "standard_error",
        "egsingle_growth_se",
        slips=(
            wrong(
                "pooled_se",
                "egsingle_growth_se = np.polyfit("
                "egsingle['year'], egsingle['math'], 1, cov=True)[1][0, 0] ** 0.5",
                "notes 5.2",
                "This standard error treats all measurements as independent; take the one of the "
                "growth model.",
            ),
            wrong(
                "squared_se",
                "egsingle_growth_se = egsingle_growth_se**2",
                "notes 5.2",
                "This is a sampling variance; a standard error is its square root.",
            ),
        ),
    ),
    Quantity(
        "egsingle_psi_slope",
        "5.2",
        "egsingle_line.psi_22",
        "variance_component",
        "egsingle_psi_slope",
        slips=(
            psi_without_sigma2,
            lambda_for_psi,
            sd_for_variance(
                "egsingle_psi_slope", "units of the rate (scale points a year)", "notes 5.2"
            ),
            wrong(
                "variance_of_own_slopes",
                "centered = egsingle[['year', 'math']] - "
                "egsingle.groupby('childid')[['year', 'math']].transform('mean')\n"
                "sums = centered.assign(xy=centered['year'] * centered['math'], "
                "xx=centered['year'] ** 2).groupby(egsingle['childid'])[['xy', 'xx']].sum()\n"
                "egsingle_psi_slope = (sums['xy'] / sums['xx']).var()",
                "notes 5.2",
                "This is the variance of the slopes of lines fitted child by child; it also holds "
                "the error of each of these slopes, which is large with few measurements.",
            ),
            wrong(
                "covariance_for_variance",
                "egsingle_psi_slope = egsingle_fit.Psi[0, 1]",
                "notes 5.2",
                "This is the covariance of level and growth; the variance of the slopes is the "
                "last entry of Psi.",
            ),
            wrong(
                "level_variance_for_growth",
                "egsingle_psi_slope = egsingle_fit.Psi[0, 0]",
                "notes 5.2",
                "This is the variance of the levels at year 0; the variance of the slopes is the "
                "last entry of Psi.",
            ),
        ),
    ),
    Quantity(
        "egsingle_sigma2",
        "5.2",
        "egsingle_line.sigma2",
        "variance_component",
        "egsingle_sigma2",
        slips=(sd_for_variance("egsingle_sigma2", "scale points", "notes 5.2"),),
    ),
    Quantity(
        "sleepstudy_slope_week",
        "5.2",
        "sleepstudy_weeks.beta2",
        "growth_coefficient",
        "sleepstudy_slope_week",
        slips=(
            unit_multiplied,
            wrong(
                "slope_of_old_unit",
                "sleepstudy_slope_week = sleepstudy_slope_week / 7",
                "notes 5.1",
                "This is the change in a day; the task counts time in weeks.",
            ),
        ),
    ),
    Quantity(
        "oxboys_psi_slope",
        "5.2",
        "oxboys_line.psi_22",
        "variance_component",
        "oxboys_psi_slope",
        slips=(
            psi_without_sigma2,
            lambda_for_psi,
            sd_for_variance(
                "oxboys_psi_slope", "centimeters per unit of standardized age", "notes 5.2"
            ),
        ),
    ),
    # ---- 5.3
    Quantity(
        "egsingle_level_var_start",
        "5.3",
        "egsingle_line_start.psi_11",
        "variance_component",
        "egsingle_at_start[0][0, 0]",
        slips=(
            sign_of_shift,
            shift_without_covariance,
            intercepts_variance_unchanged,
        ),
    ),
    Quantity(
        "egsingle_cov_start",
        "5.3",
        "egsingle_line_start.psi_21",
        "variance_component",
        "egsingle_at_start[0][0, 1]",
        slips=(sign_of_shift, shift_transposed),
    ),
    Quantity(
        "egsingle_level_start",
        "5.3",
        "egsingle_line_start.beta1",
        "growth_coefficient",
        "egsingle_at_start[1][0]",
        slips=(sign_of_shift, mean_not_shifted),
    ),
    Quantity(
        "egsingle_level_var_end",
        "5.3",
        "egsingle_line_end.psi_11",
        "variance_component",
        "egsingle_at_end[0][0, 0]",
        slips=(sign_of_shift, shift_without_covariance, intercepts_variance_unchanged),
    ),
    # ---- 5.4
    Quantity(
        "egsingle_var_start",
        "5.4",
        "egsingle_line.var_0",
        "variance_component",
        "egsingle_var[0]",
        slips=VAR_SLIPS,
    ),
    Quantity(
        "egsingle_var_end",
        "5.4",
        "egsingle_line.var_5",
        "variance_component",
        "egsingle_var[5]",
        slips=VAR_SLIPS,
    ),
    Quantity(
        "egsingle_corr_far",
        "5.4",
        "egsingle_line.corr_05",
        "ratio",
        "egsingle_corr_far",
        slips=(
            sigma2_in_covariance,
            corr_of_true_values,
            corr_undivided,
            corr_product_of_variances,
            wrong(
                "icc_at_all_times",
                "egsingle_corr_far = egsingle_fit.Psi[0, 0] / "
                "(egsingle_fit.Psi[0, 0] + egsingle_fit.sigma2)",
                "notes 5.4",
                "This is one intraclass correlation for all pairs of times; with random slopes the "
                "correlation depends on both times.",
            ),
        ),
    ),
    Quantity(
        "egsingle_corr_near",
        "5.4",
        "egsingle_line.corr_last_two",
        "ratio",
        "egsingle_corr_near",
        slips=(
            sigma2_in_covariance,
            corr_without_covariance,
            corr_undivided,
            corr_product_of_variances,
        ),
    ),
    Quantity(
        "egsingle_least_var",
        "5.4",
        "egsingle_line.time_of_least_variance",
        "ratio",
        "egsingle_least_var",
        slips=(
            wrong(
                "sign_of_least",
                "egsingle_least_var = -egsingle_least_var",
                "notes 5.4",
                "The sign is turned: where level and growth go together, the lines were closest "
                "before time 0.",
            ),
            wrong(
                "half_of_least",
                "egsingle_least_var = egsingle_least_var / 2",
                "notes 5.4",
                "Set the slope of the parabola to 0: 2 psi_21 + 2 t psi_22 = 0, so that the twos "
                "cancel.",
            ),
            wrong(
                "least_upside_down",
                "egsingle_least_var = 1 / egsingle_least_var",
                "notes 5.4",
                "Numerator and denominator have changed places: divide the covariance by the "
                "variance of the slopes.",
            ),
        ),
    ),
    Quantity(
        "oxboys_var_end",
        "5.4",
        "oxboys_line.var_2",
        "variance_component",
        "oxboys_var_end",
        slips=(var_without_covariance, var_covariance_once, var_without_sigma2, sd_at),
    ),
    # ---- 5.5
    Quantity(
        "egsingle_r_start",
        "5.5",
        "egsingle_line_start.corr_int_slope",
        "ratio",
        "egsingle_r_start",
        slips=(*CORR_SLIPS, origin_of_middle("egsingle_r_start")),
    ),
    Quantity(
        "egsingle_r_middle",
        "5.5",
        "egsingle_line.corr_int_slope",
        "ratio",
        "egsingle_r_middle",
        slips=CORR_SLIPS,
    ),
    Quantity(
        "egsingle_r_end",
        "5.5",
        "egsingle_line_end.corr_int_slope",
        "ratio",
        "egsingle_r_end",
        slips=(*CORR_SLIPS, origin_of_middle("egsingle_r_end")),
    ),
    Quantity(
        "oxboys_r",
        "5.5",
        "oxboys_line.corr_int_slope",
        "ratio",
        "oxboys_r",
        slips=CORR_SLIPS,
    ),
    Quantity(
        "egsingle_dev_uncorr_middle",
        "5.5",
        "egsingle_uncorrelated_middle.criterion",
        "deviance",
        "egsingle_dev_uncorr_middle",
        slips=(
            correlated_after_all("egsingle_dev_uncorr_middle"),
            wrong(
                "origin_at_start",
                "egsingle_dev_uncorr_middle = egsingle_dev_uncorr_start",
                "notes 5.3",
                "This is the fit with time counted from the start; the task asks for the one with "
                "time 0 in the middle.",
            ),
        ),
    ),
    Quantity(
        "egsingle_dev_uncorr_start",
        "5.5",
        "egsingle_uncorrelated_start.criterion",
        "deviance",
        "egsingle_dev_uncorr_start",
        slips=(
            correlated_after_all("egsingle_dev_uncorr_start"),
            wrong(
                "origin_in_the_middle",
                "egsingle_dev_uncorr_start = egsingle_dev_uncorr_middle",
                "notes 5.3",
                "This is the fit with time 0 in the middle; the task asks for the one with time "
                "counted from the start.",
            ),
        ),
    ),
    # ---- 5.6
    Quantity(
        "groups_deviance",
        "5.6",
        "egsingle_groups.criterion",
        "deviance",
        "groups_fit.deviance",
        slips=(products_left_out,),
    ),
    Quantity(
        "groups_growth_gap",
        "5.6",
        "egsingle_groups.beta5",
        "growth_coefficient",
        "groups_growth_gap",
        slips=(
            wrong(
                "level_gap_for_growth_gap",
                "groups_growth_gap = groups_fit.beta['black']",
                "notes 5.5",
                "This is the difference in level at year 0; the difference in growth is the "
                "coefficient of the product with time.",
            ),
            wrong(
                "other_group",
                "groups_growth_gap = groups_fit.beta['time:hispanic']",
                "notes 5.5",
                "This is the coefficient of the other group.",
            ),
            wrong(
                "growth_of_group",
                "groups_growth_gap = groups_fit.beta['time'] + groups_fit.beta['time:black']",
                "notes 5.5",
                "This is how fast the group grows; the task asks by how much that differs from "
                "the children of neither group.",
            ),
        ),
    ),
    Quantity(
        "groups_gap_start",
        "5.6",
        "egsingle_groups.gap_black_start",
        "prediction",
        "groups_gap_start[0]",
        slips=(gap_without_time, gap_sign_of_time),
    ),
    Quantity(
        "groups_gap_start_se",
        "5.6",
        "egsingle_groups.se_gap_black_start",
        "standard_error",
        "groups_gap_start[1]",
        slips=(
            gap_se_without_covariance,
            gap_variance_for_se,
            gap_sign_of_time,
            wrong(
                "se_at_zero",
                "groups_gap_start = (groups_gap_start[0], groups_fit.se['black'])",
                "notes 5.5",
                "This is the standard error of the gap at time 0; at another time the uncertainty "
                "of the product comes in.",
            ),
        ),
    ),
    Quantity(
        "groups_gap_end",
        "5.6",
        "egsingle_groups.gap_black_end",
        "prediction",
        "groups_gap_end[0]",
        slips=(gap_without_time, gap_sign_of_time),
    ),
    Quantity(
        "groups_gap_end_se",
        "5.6",
        "egsingle_groups.se_gap_black_end",
        "standard_error",
        "groups_gap_end[1]",
        slips=(gap_se_without_covariance, gap_variance_for_se, gap_sign_of_time),
    ),
    Quantity(
        "groups_lrt",
        "5.6",
        "egsingle_groups_parallel.lrt",
        "deviance",
        "groups_lrt",
        slips=(
            wrong(
                "no_factor_two",
                "groups_lrt = groups_lrt / 2",
                "notes 5.5",
                "This is the difference of the log-likelihoods; the statistic is twice that.",
            ),
            wrong(
                "against_no_groups",
                "groups_lrt = 2 * (groups_fit.llf - egsingle_fit.llf)",
                "notes 5.5",
                "You compare with the model without groups; that tests their levels as well. Keep "
                "the levels and leave out the two products.",
            ),
        ),
    ),
    # ---- 5.7
    Quantity(
        "groups_r2_level",
        "5.7",
        "egsingle_groups.r2_intercept",
        "prediction",
        "groups_r2[0]",
        slips=(r2_from_sds, r2_as_ratio, r2_over_after),
    ),
    Quantity(
        "groups_r2_growth",
        "5.7",
        "egsingle_groups.r2_slope",
        "prediction",
        "groups_r2[1]",
        slips=(r2_from_sds, r2_as_ratio, r2_over_after),
    ),
    Quantity(
        "groups_r2_end",
        "5.7",
        "egsingle_groups_end.r2_intercept",
        "prediction",
        "groups_r2_end",
        slips=(
            r2_from_sds,
            r2_as_ratio,
            r2_over_after,
            wrong(
                "r2_at_zero",
                "groups_r2_end = groups_r2[0]",
                "notes 5.5",
                "This is the reduction at year 0; move both covariance matrices to the end first.",
            ),
        ),
    ),
    # ---- 5.8
    Quantity(
        "child_level",
        "5.8",
        "egsingle_line.eb1_309364181",
        "prediction",
        "child_level",
        slips=(own_line, shrunk_separately, sigma2_left_out),
    ),
    Quantity(
        "child_slope",
        "5.8",
        "egsingle_line.eb2_309364181",
        "prediction",
        "child_slope",
        slips=(
            own_line,
            shrunk_separately,
            sigma2_left_out,
            wrong(
                "rate_for_deviation",
                "child_slope = child_slope + egsingle_fit.beta['year']",
                "notes 5.6",
                "This is the child's rate of growth; the task asks how far it is from the mean "
                "rate.",
            ),
        ),
    ),
    Quantity(
        "child_end",
        "5.8",
        "egsingle_line.line_309364181_at_end",
        "predicted_level",
        "child_end",
        slips=(
            own_line,
            shrunk_separately,
            wrong(
                "deviation_for_level",
                "child_end = child_level + 2.5 * child_slope",
                "notes 5.6",
                "This is the child's distance from the mean line at that time; add the mean line.",
            ),
        ),
    ),
    Quantity(
        "egsingle_curvature",
        "5.8",
        "egsingle_curve.beta3",
        "growth_coefficient",
        "egsingle_curvature",
        slips=(
            wrong(
                "linear_for_square",
                "egsingle_curvature = curve_fit.beta['year']",
                "notes 5.6",
                "This is the coefficient of year, the slope of the curve at year 0; the task asks "
                "for that of its square.",
            ),
            wrong(
                "second_derivative",
                "egsingle_curvature = 2 * egsingle_curvature",
                "notes 5.6",
                "This is the change of the slope in a year, twice the coefficient; the task asks "
                "for the coefficient.",
            ),
        ),
    ),
    Quantity(
        "egsingle_curve_lrt",
        "5.8",
        "egsingle_curve.lrt",
        "deviance",
        "egsingle_curve_lrt",
        slips=(
            wrong(
                "no_factor_two",
                "egsingle_curve_lrt = egsingle_curve_lrt / 2",
                "notes 5.6",
                "This is the difference of the log-likelihoods; the statistic is twice that.",
            ),
        ),
    ),
)
