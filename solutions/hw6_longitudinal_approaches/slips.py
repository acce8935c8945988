"""Homework 6: the numbers that are checked, and the known ways to get them wrong.

The types stand in `autograder.slips`; what each slip gives is computed by
``python -m autograder.references hw6`` and kept in ``autograder/references/hw6.json``.
A wrong function is the right one with a piece of its code changed.
A wrong answer is a statement in the notebook's variables: data sets, answers, functions, np, smf.
"""

import statsmodels.formula.api as smf

from autograder.slips import Quantity, Slip, WrongAnswer, WrongFunction, changed
from hlmtools.longitudinal import (
    cluster_robust_ols,
    conditional_logit,
    conditional_loglik,
    dropout_estimates,
    first_difference,
    fixed_effects,
    gee_exch,
    gls_deviance,
    gls_pattern,
    mundlak,
    rm_anova,
)

__all__ = ["ANSWERS", "QUANTITIES", "smf"]

# The notebook's answers, as functions of the data sets and of each other.
ANSWERS = {
    "wage_X": (
        "males.assign(constant=1.0, year=males['year'] - 1980)[['constant', 'black', 'hisp', "
        "'union', 'married', 'exper', 'year', 'school']]"
    ),
    "wage_ols": "cluster_robust_ols(wage_X, males['wage'], males['nr'])",
    "union_ols": "wage_ols.loc['union', 'beta']",
    "union_ols_se": "wage_ols.loc['union', 'CR1']",
    "hsb_X": (
        "hsb.assign(constant=1.0, catholic=(hsb['sector'] == 'Catholic') * 1.0)[['constant', "
        "'meanses', 'catholic', 'cses']]"
    ),
    "hsb_ols": "cluster_robust_ols(hsb_X, hsb['mAch'], hsb['school'])",
    "catholic_se": "hsb_ols.loc['catholic', 'CR0']",
    "jaws": "orthodont.assign(female=(orthodont['Sex'] == 'Female') * 1.0, constant=1.0)",
    "jaw_X": (
        "jaws.assign(female_age=jaws['female'] * jaws['age'])[['constant', 'female', 'age', "
        "'female_age']]"
    ),
    "jaw_blocks": "occasion_blocks(jaw_X, jaws['distance'], jaws['Subject'], jaws['age'])",
    "jaw_deviance_half": "gls_deviance([0.5], 'CS', jaw_blocks)",
    "jaw_ind": ("gls_pattern(jaw_X, jaws['distance'], jaws['Subject'], jaws['age'], 'IND')"),
    "jaw_cs": ("gls_pattern(jaw_X, jaws['distance'], jaws['Subject'], jaws['age'], 'CS')"),
    "jaw_ar1": ("gls_pattern(jaw_X, jaws['distance'], jaws['Subject'], jaws['age'], 'AR1')"),
    "jaw_un": ("gls_pattern(jaw_X, jaws['distance'], jaws['Subject'], jaws['age'], 'UN')"),
    "jaw_un_aic": "jaw_un.aic",
    "jaw_phi": "jaw_ar1.Sigma[0, 1] / jaw_ar1.Sigma[0, 0]",
    "jaw_un_vs_cs": "2 * (jaw_un.llf - jaw_cs.llf)",
    "jaw_growth_se": "jaw_cs.table.loc['female_age', 'se']",
    "wage_re": "gls_pattern(wage_X, males['wage'], males['nr'], males['year'], 'CS')",
    "union_re": "wage_re.table.loc['union', 'beta']",
    "within_X": "wage_X.drop(columns='year')",
    "union_fe": "fixed_effects(within_X, males['wage'], males['nr']).loc['union', 'beta']",
    "union_fe_se": "fixed_effects(within_X, males['wage'], males['nr']).loc['union', 'se']",
    "union_fd": (
        "first_difference(within_X, males['wage'], males['nr'], males['year']).loc['union', 'beta']"
    ),
    "wage_mundlak": "mundlak(wage_X, males['wage'], males['nr'], ['union', 'married'])",
    "union_contextual": "wage_mundlak.table.loc['mean of union', 'beta']",
    "mundlak_stat": "wage_mundlak.stat",
    "jaw_anova": "rm_anova(jaws['distance'], jaws['Subject'], jaws['Sex'], jaws['age'])",
    "jaw_f_group": "jaw_anova.loc['group', 'F']",
    "jaw_f_both": "jaw_anova.loc['group:time', 'F']",
    "jaw_p_both": "jaw_anova.loc['group:time', 'p']",
    "wheeze_X": (
        "ohio.assign(constant=1.0, age_smoke=ohio['age'] * ohio['smoke'])[['constant', 'age', "
        "'smoke', 'age_smoke']]"
    ),
    "wheeze_gee": "gee_exch(wheeze_X, ohio['resp'], ohio['id'])",
    "smoke_gee": "wheeze_gee.table.loc['smoke', 'beta']",
    "smoke_gee_se": "wheeze_gee.table.loc['smoke', 'robust']",
    "wheeze_alpha": "wheeze_gee.alpha",
    "smoke_or": "np.exp(smoke_gee)",
    "wheeze_informative": "int((ohio.groupby('id')['resp'].nunique() == 2).sum())",
    "changing_X": "wheeze_X[['age', 'age_smoke']]",
    "wheeze_llf_0": "conditional_loglik([0, 0], changing_X, ohio['resp'], ohio['id'])",
    "wheeze_clogit": "conditional_logit(wheeze_X, ohio['resp'], ohio['id'])",
    "age_clogit": "wheeze_clogit.loc['age', 'beta']",
    "age_clogit_se": "wheeze_clogit.loc['age', 'se']",
    "weight_effects": (
        "change_vs_ancova(anorexia['Prewt'], anorexia['Postwt'], anorexia['Treat'], 'Cont')"
    ),
    "ft_change": "weight_effects.loc['FT', 'change']",
    "ft_ancova": "weight_effects.loc['FT', 'ancova']",
    "ft_ancova_se": "weight_effects.loc['FT', 'ancova_se']",
    "waves": (
        "pd.concat([anorexia.assign(id=anorexia.index, post=0, weight=anorexia['Prewt']), "
        "anorexia.assign(id=anorexia.index, post=1, weight=anorexia['Postwt'])])"
    ),
    "waves_X": (
        "waves.assign(constant=1.0, CBT=waves['post'] * (waves['Treat'] == 'CBT'), "
        "FT=waves['post'] * (waves['Treat'] == 'FT'))[['constant', 'post', 'CBT', 'FT']]"
    ),
    "ft_constrained": (
        "gls_pattern(waves_X, waves['weight'], waves['id'], waves['post'], 'CS')"
        ".table.loc['FT', 'beta']"
    ),
    "jaw_wide": "jaws.pivot(index='Subject', columns='age', values='distance')",
    "seen_14": "jaw_wide[14].where(jaw_wide[8] <= 23)",
    "jaw_dropout": "dropout_estimates(jaw_wide[8], seen_14)",
    "jaw_complete": "jaw_dropout['complete']",
    "jaw_ml": "jaw_dropout['ml']",
}


def wrong(name: str, code: str | WrongFunction, see: str, says: str) -> Slip:
    """A slip; a text as its code is a wrong answer's statement."""
    return Slip(name, says, see, WrongAnswer(code) if isinstance(code, str) else code)


# ---- 6.1 robust standard errors

rows_as_clusters = wrong(
    "rows_as_clusters",
    changed(cluster_robust_ols, ("(X.mul(e, axis=0)).groupby(g).sum()", "X.mul(e, axis=0)")),
    "notes 6.1",
    "Your sandwich has one score a row: it allows for unequal variances, but takes rows of one "
    "cluster for independent. Add up the scores of a cluster before you square them.",
)
clusters_only_correction = wrong(
    "clusters_only_correction",
    changed(cluster_robust_ols, ("J / (J - 1) * (N - 1) / (N - p)", "J / (J - 1)")),
    "notes 6.1",
    "Your correction has J / (J - 1) only; CR1 also has (N - 1) / (N - p).",
)


def naive_for_robust(variable: str, table: str, row: str) -> Slip:
    return wrong(
        "naive_for_robust",
        f"{variable} = {table}.loc['{row}', 'naive']",
        "notes 6.1",
        "This is the naive standard error; it takes all rows for independent pieces of "
        "information.",
    )


cr0_for_cr1 = wrong(
    "cr0_for_cr1",
    "union_ols_se = wage_ols.loc['union', 'CR0']",
    "notes 6.1",
    "This is CR0, without the correction for a finite number of clusters; the task asks for CR1.",
)
cr1_for_cr0 = wrong(
    "cr1_for_cr0",
    "catholic_se = hsb_ols.loc['catholic', 'CR1']",
    "notes 6.1",
    "This is CR1; the task asks for CR0, without a correction.",
)
one_predictor = wrong(
    "one_predictor",
    "union_ols = males.groupby('union')['wage'].mean().diff().iloc[-1]",
    "notes 6.1",
    "This is the raw difference between union and other years; the task asks for the coefficient "
    "next to the other covariates.",
)


# ---- 6.2 covariance patterns

no_log_det = wrong(
    "no_log_det",
    changed(gls_deviance, ("found.log_det + ", "")),
    "notes 6.2",
    "The log-determinant is missing; without it nothing speaks against ever stronger correlations.",
)
n_minus_p_under_ml = wrong(
    "n_minus_p_under_ml",
    changed(
        gls_deviance,
        (
            "found.N * (1 + np.log(2 * np.pi * found.r2 / found.N))",
            "found.N * (1 + np.log(2 * np.pi * found.r2 / (found.N - len(found.beta))))",
        ),
    ),
    "notes 6.2",
    "You divide r2 by N - p; under maximum likelihood it is divided by N.",
)
pattern_without_two_pi = wrong(
    "no_two_pi",
    changed(gls_deviance, ("2 * np.pi * found.r2", "found.r2")),
    "notes 6.2",
    "The constant 2 pi is missing: your minimum is at the right place, but the deviance cannot be "
    "compared with that of other programs.",
)
covariances_not_counted = wrong(
    "covariances_not_counted",
    changed(gls_pattern, ("len(names) + 1 + len(par)", "len(names)")),
    "notes 6.2",
    "Your n_par counts coefficients only; variances and correlations are parameters too, and "
    "patterns differ in nothing else.",
)
sigma2_not_counted = wrong(
    "sigma2_not_counted",
    changed(gls_pattern, ("len(names) + 1 + len(par)", "len(names) + len(par)")),
    "notes 6.2",
    "Your n_par forgets sigma2, which was profiled out but is a parameter all the same.",
)
loglik_difference = wrong(
    "loglik_difference",
    "jaw_un_vs_cs = jaw_un.llf - jaw_cs.llf",
    "notes 6.2",
    "This is the difference of the log-likelihoods; the test statistic is twice that.",
)
phi_per_year = wrong(
    "phi_per_year",
    "jaw_phi = jaw_phi ** 0.5",
    "notes 6.2",
    "This is the correlation of x-rays one year apart; phi belongs to neighboring visits, which "
    "are two years apart.",
)
covariance_for_correlation = wrong(
    "covariance_for_correlation",
    "jaw_phi = jaw_ar1.Sigma[0, 1]",
    "notes 6.2",
    "This is a covariance, in squared millimeters; divide it by the variance.",
)
independence_se = wrong(
    "independence_se",
    "jaw_growth_se = jaw_ind.table.loc['female_age', 'se']",
    "notes 6.2",
    "This standard error comes from the pattern without correlation; the task asks for the one "
    "under compound symmetry.",
)


def other_pattern(name: str, kind: str, says: str) -> Slip:
    statement = (
        "union_re = gls_pattern(wage_X, males['wage'], males['nr'], males['year'], "
        f"'{kind}').table.loc['union', 'beta']"
    )
    return wrong(name, statement, "notes 6.2", says)


ar1_for_intercepts = other_pattern(
    "ar1_for_intercepts",
    "AR1",
    "This is the coefficient under first-order autoregression; a random intercept makes all pairs "
    "of years equally correlated.",
)
pooled_for_intercepts = other_pattern(
    "pooled_for_intercepts",
    "IND",
    "This is the pooled coefficient, under independence; a random intercept makes all pairs of "
    "years equally correlated.",
)


# ---- 6.3 within persons

means_cost_nothing = wrong(
    "means_cost_nothing",
    changed(
        fixed_effects,
        ("len(y) - len(np.unique(g)) - X_dev.shape[1]", "len(y) - X_dev.shape[1]"),
    ),
    "notes 6.3",
    "Your residual degrees of freedom forget that each person's mean was estimated: take J off as "
    "well.",
)
grand_mean_for_own = wrong(
    "grand_mean_for_own",
    changed(
        fixed_effects,
        ('X.groupby(g).transform("mean")', "X.mean()"),
        ('y.groupby(g).transform("mean")', "y.mean()"),
    ),
    "notes 6.3",
    "You subtract the mean of everybody; a comparison within persons subtracts each person's own.",
)
across_persons = wrong(
    "across_persons",
    changed(first_difference, ("same = g[1:] == g[:-1]", "same = np.ones(len(g) - 1, dtype=bool)")),
    "notes 6.3",
    "You also subtract one person's last row from the next person's first; keep differences within "
    "a person only.",
)
tests_added_up = wrong(
    "tests_added_up",
    changed(mundlak, ("np.linalg.solve(C, d)", "(d / np.diag(C))")),
    "notes 6.3",
    "You add up the squared z of each mean; the joint test needs their covariance as well.",
)
tested_alone = wrong(
    "tested_alone",
    "mundlak_stat = (wage_mundlak.table.loc['mean of union', 'beta'] "
    "/ wage_mundlak.table.loc['mean of union', 'se']) ** 2",
    "notes 6.3",
    "This tests one mean alone; the task asks for the joint test of both.",
)
between_for_contextual = wrong(
    "between_for_contextual",
    "union_contextual = wage_mundlak.table.loc['mean of union', 'beta'] "
    "+ wage_mundlak.table.loc['union', 'beta']",
    "notes 6.3",
    "This is the effect between men; the coefficient of the mean is the difference between it and "
    "the effect within.",
)
differences_for_deviations = wrong(
    "differences_for_deviations",
    "union_fe = first_difference(within_X, males['wage'], males['nr'], males['year'])"
    ".loc['union', 'beta']",
    "notes 6.3",
    "These are first differences; the task asks for deviations from each man's own mean.",
)
intercepts_for_within = wrong(
    "intercepts_for_within",
    "union_fe = wage_re.table.loc['union', 'beta']",
    "notes 6.3",
    "This is the random-intercept coefficient, which mixes comparisons within and between men.",
)
deviations_for_differences = wrong(
    "deviations_for_differences",
    "union_fd = fixed_effects(within_X, males['wage'], males['nr']).loc['union', 'beta']",
    "notes 6.3",
    "These are deviations from each man's mean; the task asks for steps from year to year.",
)


# ---- 6.4 repeated-measures analysis of variance

between_error_for_all = wrong(
    "between_error_for_all",
    changed(
        rm_anova,
        (
            "np.array([between, within, within]) / df2",
            "np.array([between, between, between]) / (J - G)",
        ),
    ),
    "notes 6.4",
    "You hold an effect within subjects against the error between subjects; each part has its own.",
)
within_error_for_all = wrong(
    "within_error_for_all",
    changed(
        rm_anova,
        (
            "np.array([between, within, within]) / df2",
            "np.array([within, within, within]) / df2[1]",
        ),
    ),
    "notes 6.4",
    "You hold the difference between groups against the error within subjects; groups are made of "
    "subjects, so subjects are what they are compared with.",
)
one_pooled_error = wrong(
    "one_pooled_error",
    changed(
        rm_anova,
        (
            "np.array([between, within, within]) / df2",
            "(between + within) / (df2[0] + df2[1])",
        ),
    ),
    "notes 6.4",
    "You use one error for all effects, as if the measurements were independent; there are two.",
)
lower_tail = wrong(
    "lower_tail",
    changed(rm_anova, ("f.sf(F, df1, df2)", "f.cdf(F, df1, df2)")),
    "notes 6.4",
    "This is the probability below F; a p-value is the one beyond it.",
)


# ---- 6.5 estimating equations

working_independence = wrong(
    "working_independence",
    changed(
        gee_exch,
        ("(np.sum(totals(r, place) ** 2) - np.sum(r**2)) / 2 / (phi * pairs)", "0.0"),
    ),
    "notes 6.5",
    "Your working correlation stays 0; the task asks for the exchangeable one, estimated anew in "
    "each round.",
)
pairs_with_themselves = wrong(
    "pairs_with_themselves",
    changed(
        gee_exch,
        (
            "(np.sum(totals(r, place) ** 2) - np.sum(r**2)) / 2 / (phi * pairs)",
            "np.sum(totals(r, place) ** 2) / (phi * (n**2).sum())",
        ),
    ),
    "notes 6.5",
    "Your alpha counts each measurement paired with itself; only pairs of two different "
    "measurements belong in it.",
)
model_based_se = wrong(
    "model_based_se",
    "smoke_gee_se = wheeze_gee.table.loc['smoke', 'naive']",
    "notes 6.5",
    "This is the model-based standard error, right only if the working correlation is; the task "
    "asks for the robust one.",
)
log_odds_for_odds = wrong(
    "log_odds_for_odds",
    "smoke_or = smoke_gee",
    "notes 6.5",
    "This is a difference of log-odds; the odds ratio is its exponential.",
)
conditional_for_marginal = wrong(
    "conditional_for_marginal",
    "smoke_or = np.exp(0.46204)",
    "notes 6.5",
    "This is the odds ratio of the mixed model of Homework 4, for a given child; the task asks for "
    "the one over the population.",
)


# ---- 6.6 conditional likelihood

everybody_informative = wrong(
    "everybody_informative",
    "wheeze_informative = ohio['id'].nunique()",
    "notes 6.6",
    "This is the number of all children; those with four equal answers say nothing about a change.",
)
visits_for_children = wrong(
    "visits_for_children",
    "wheeze_informative = 4 * wheeze_informative",
    "notes 6.6",
    "You count visits; the task asks for children.",
)
dummies_for_conditioning = wrong(
    "dummies_for_conditioning",
    "mixed = ohio[ohio.groupby('id')['resp'].transform('nunique') == 2]; "
    "age_clogit = smf.logit('resp ~ 0 + C(id) + age + age:smoke', mixed)"
    ".fit(disp=0).params['age']",
    "notes 6.6",
    "You estimated an intercept for each child; with few visits a child that pushes the other "
    "coefficients away from 0. Condition on the number of ones instead.",
)
marginal_for_conditional = wrong(
    "marginal_for_conditional",
    "age_clogit = wheeze_gee.table.loc['age', 'beta']",
    "notes 6.6",
    "This is the coefficient of the estimating equations, which compares populations; the task "
    "asks for the comparison within children.",
)
unconditional = wrong(
    "unconditional",
    changed(
        conditional_loglik,
        (
            "observed @ beta - logsumexp(sums @ beta)",
            "observed @ beta - len(sums) * np.log(2)",
        ),
    ),
    "notes 6.6",
    "Your denominator does not add up the terms of the sets; it is the logarithm of a sum of "
    "exponentials, one for each set with as many ones.",
)
halves = wrong(
    "ordinary_likelihood",
    "wheeze_llf_0 = -len(ohio) * np.log(2)",
    "notes 6.6",
    "This is the log-likelihood of tossing a coin at every visit; given the number of ones, fewer "
    "outcomes are possible.",
)
no_square_root = wrong(
    "no_square_root",
    changed(
        conditional_logit,
        ("np.sqrt(np.diag(np.linalg.inv(information)))", "np.diag(np.linalg.inv(information))"),
    ),
    "notes 6.6",
    "This is a variance; the standard error is its square root.",
)


# ---- 6.7 change and analysis of covariance


def first_level(variable: str, column: str) -> Slip:
    return wrong(
        "first_level_as_reference",
        f"{variable} = change_vs_ancova(anorexia['Prewt'], anorexia['Postwt'], anorexia['Treat'], "
        f"'CBT').loc['FT', '{column}']",
        "notes 6.7",
        "You compare family therapy with the other therapy (the first level in the alphabet); the "
        "task asks for a comparison with the control group.",
    )


baseline_for_effect = wrong(
    "baseline_for_effect",
    "ft_change = anorexia.groupby('Treat', observed=True)['Prewt'].mean()['FT'] "
    "- anorexia.groupby('Treat', observed=True)['Prewt'].mean()['Cont']",
    "notes 6.7",
    "This is how the groups differed before treatment; the effect is how much more one of them "
    "changed.",
)
no_control_group = wrong(
    "no_control_group",
    "ft_change = (anorexia['Postwt'] - anorexia['Prewt'])[anorexia['Treat'] == 'FT'].mean()",
    "notes 6.7",
    "This is the change under family therapy; take off what changed without therapy.",
)
slope_of_pre = wrong(
    "slope_of_pre",
    "ft_ancova = smf.ols('Postwt ~ Prewt + Treat', anorexia).fit().params['Prewt']",
    "notes 6.7",
    "This is the coefficient of the weight before; the task asks for the effect of the treatment.",
)


def other_column(name: str, variable: str, column: str, says: str) -> Slip:
    return wrong(name, f"{variable} = weight_effects.loc['FT', '{column}']", "notes 6.7", says)


change_for_ancova = other_column(
    "change_for_ancova",
    "ft_ancova",
    "change",
    "This is the difference in change, which takes off all of the difference at the start.",
)
post_for_ancova = other_column(
    "post_for_ancova",
    "ft_ancova",
    "post",
    "This compares the weights after treatment alone, without regard to the weights before.",
)
ancova_for_change = other_column(
    "ancova_for_change",
    "ft_change",
    "ancova",
    "This is adjusted for the weight before; the task asks for the difference in change.",
)
baselines_apart = wrong(
    "baselines_apart",
    "ft_constrained = weight_effects.loc['FT', 'change']",
    "notes 6.7",
    "This model lets the groups differ before treatment; the task asks for one common mean then.",
)


# ---- 6.8 drop-out

through_the_origin = wrong(
    "through_the_origin",
    changed(
        dropout_estimates,
        (
            "np.sum((first - first.mean()) * second) / np.sum((first - first.mean()) ** 2)",
            "np.sum(first * second) / np.sum(first**2)",
        ),
    ),
    "notes 6.8",
    "Your slope is that of a line through the origin; take deviations from the completers' means.",
)
regressed_the_other_way = wrong(
    "regressed_the_other_way",
    changed(
        dropout_estimates,
        (
            "np.sum((first - first.mean()) ** 2)",
            "np.sum((second - second.mean()) ** 2)",
        ),
    ),
    "notes 6.8",
    "Your slope is that of y1 on y2; missing values of y2 are predicted from y1.",
)
corrected_the_wrong_way = wrong(
    "corrected_the_wrong_way",
    changed(
        dropout_estimates, ("b * (y1.mean() - first.mean())", "b * (first.mean() - y1.mean())")
    ),
    "notes 6.8",
    "Your correction has the wrong sign: those who left stood above the completers at the start, "
    "so the mean of y2 has to go up.",
)


def other_estimate(name: str, variable: str, entry: str, says: str) -> Slip:
    return wrong(name, f"{variable} = jaw_dropout['{entry}']", "notes 6.8", says)


completers_for_ml = other_estimate(
    "completers_for_ml",
    "jaw_ml",
    "complete",
    "This is the change of the completers only; they differ from those who left.",
)
available_for_ml = other_estimate(
    "available_for_ml",
    "jaw_ml",
    "available",
    "This compares all children at 8 with those who are left at 14: partly other children.",
)
available_for_complete = other_estimate(
    "available_for_complete",
    "jaw_complete",
    "available",
    "This compares all children at 8 with those who are left at 14; the task asks for the same "
    "children at both ages.",
)


def quantity(
    key: str, task: str, source: str, tolerance: str, expression: str, *slips: Slip
) -> Quantity:
    return Quantity(key, task, source, tolerance, expression, slips)


QUANTITIES = (
    quantity(
        "males_union_ols", "6.1", "males_ols.beta_union", "closed_form", "union_ols", one_predictor
    ),
    quantity(
        "males_union_ols_se",
        "6.1",
        "males_ols.cr1_union",
        "standard_error",
        "union_ols_se",
        naive_for_robust("union_ols_se", "wage_ols", "union"),
        cr0_for_cr1,
        rows_as_clusters,
        clusters_only_correction,
    ),
    quantity(
        "hsb_catholic_cr0",
        "6.1",
        "hsb_ols.cr0_catholic",
        "standard_error",
        "catholic_se",
        naive_for_robust("catholic_se", "hsb_ols", "catholic"),
        cr1_for_cr0,
        rows_as_clusters,
    ),
    quantity(
        "jaw_deviance_half",
        "6.2",
        "orthodont_half.deviance",
        "deviance",
        "jaw_deviance_half",
        no_log_det,
        n_minus_p_under_ml,
        pattern_without_two_pi,
    ),
    quantity(
        "jaw_un_aic",
        "6.2",
        "orthodont_un.aic",
        "deviance",
        "jaw_un_aic",
        covariances_not_counted,
        sigma2_not_counted,
    ),
    quantity("jaw_ar1_llf", "6.2", "orthodont_ar1.llf", "deviance", "jaw_ar1.llf"),
    quantity("jaw_cs_llf", "6.2", "orthodont_cs.llf", "deviance", "jaw_cs.llf"),
    quantity(
        "jaw_phi",
        "6.2",
        "orthodont_ar1.phi",
        "variance_component",
        "jaw_phi",
        phi_per_year,
        covariance_for_correlation,
    ),
    quantity(
        "jaw_un_vs_cs", "6.2", "orthodont_lrt.lrt", "deviance", "jaw_un_vs_cs", loglik_difference
    ),
    quantity(
        "jaw_growth_se",
        "6.2",
        "orthodont_cs.se_female_age",
        "standard_error",
        "jaw_growth_se",
        independence_se,
    ),
    quantity(
        "males_union_re",
        "6.2",
        "males_ri.beta_union",
        "prediction",
        "union_re",
        ar1_for_intercepts,
        pooled_for_intercepts,
    ),
    quantity(
        "males_union_fe",
        "6.3",
        "males_fe.beta_union",
        "closed_form",
        "union_fe",
        grand_mean_for_own,
        differences_for_deviations,
        intercepts_for_within,
    ),
    quantity(
        "males_union_fe_se",
        "6.3",
        "males_fe.se_union",
        "standard_error",
        "union_fe_se",
        means_cost_nothing,
        grand_mean_for_own,
    ),
    quantity(
        "males_union_fd",
        "6.3",
        "males_fd.beta_union",
        "closed_form",
        "union_fd",
        across_persons,
        deviations_for_differences,
    ),
    quantity(
        "males_union_contextual",
        "6.3",
        "males_mundlak.beta_mean_union",
        "prediction",
        "union_contextual",
        between_for_contextual,
    ),
    quantity(
        "males_mundlak_stat",
        "6.3",
        "males_mundlak.wald",
        "standard_error",
        "mundlak_stat",
        tests_added_up,
        tested_alone,
    ),
    quantity(
        "jaw_f_group",
        "6.4",
        "orthodont_aov.f_group",
        "closed_form",
        "jaw_f_group",
        within_error_for_all,
        one_pooled_error,
    ),
    quantity(
        "jaw_f_both",
        "6.4",
        "orthodont_aov.f_both",
        "closed_form",
        "jaw_f_both",
        between_error_for_all,
        one_pooled_error,
    ),
    quantity(
        "jaw_p_both",
        "6.4",
        "orthodont_aov.p_both",
        "p_value",
        "jaw_p_both",
        between_error_for_all,
        one_pooled_error,
        lower_tail,
    ),
    quantity(
        "wheeze_smoke_gee",
        "6.5",
        "ohio_gee.beta_smoke",
        "fixed_effect",
        "smoke_gee",
        working_independence,
    ),
    quantity(
        "wheeze_smoke_gee_se",
        "6.5",
        "ohio_gee.robust_smoke",
        "standard_error",
        "smoke_gee_se",
        model_based_se,
    ),
    quantity(
        "wheeze_alpha",
        "6.5",
        "ohio_gee.alpha",
        "standard_error",
        "wheeze_alpha",
        working_independence,
        pairs_with_themselves,
    ),
    quantity(
        "wheeze_smoke_or",
        "6.5",
        "ohio_gee.or_smoke",
        "ratio",
        "smoke_or",
        log_odds_for_odds,
        conditional_for_marginal,
    ),
    quantity(
        "wheeze_informative",
        "6.6",
        "ohio_clogit.informative",
        "closed_form",
        "wheeze_informative",
        everybody_informative,
        visits_for_children,
    ),
    quantity(
        "wheeze_llf_0",
        "6.6",
        "ohio_clogit.llf_0",
        "deviance",
        "wheeze_llf_0",
        unconditional,
        halves,
    ),
    quantity(
        "wheeze_age_clogit",
        "6.6",
        "ohio_clogit.beta_age",
        "fixed_effect",
        "age_clogit",
        dummies_for_conditioning,
        marginal_for_conditional,
    ),
    quantity(
        "wheeze_age_clogit_se",
        "6.6",
        "ohio_clogit.se_age",
        "standard_error",
        "age_clogit_se",
        no_square_root,
    ),
    quantity(
        "weight_ft_change",
        "6.7",
        "anorexia_change.beta_TreatFT",
        "closed_form",
        "ft_change",
        first_level("ft_change", "change"),
        baseline_for_effect,
        no_control_group,
        ancova_for_change,
    ),
    quantity(
        "weight_ft_ancova",
        "6.7",
        "anorexia_ancova.beta_TreatFT",
        "closed_form",
        "ft_ancova",
        first_level("ft_ancova", "ancova"),
        slope_of_pre,
        change_for_ancova,
        post_for_ancova,
    ),
    quantity(
        "weight_ft_ancova_se",
        "6.7",
        "anorexia_ancova.se_TreatFT",
        "standard_error",
        "ft_ancova_se",
    ),
    quantity(
        "weight_ft_constrained",
        "6.7",
        "anorexia_constrained_ml.beta_FT",
        "prediction",
        "ft_constrained",
        baselines_apart,
    ),
    quantity(
        "jaw_complete",
        "6.8",
        "orthodont_dropout.complete",
        "closed_form",
        "jaw_complete",
        available_for_complete,
    ),
    quantity(
        "jaw_ml",
        "6.8",
        "orthodont_dropout.ml",
        "prediction",
        "jaw_ml",
        through_the_origin,
        regressed_the_other_way,
        corrected_the_wrong_way,
        completers_for_ml,
        available_for_ml,
    ),
)
