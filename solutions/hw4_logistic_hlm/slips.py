"""Homework 4: the numbers that are checked, and the known ways to get them wrong.

The types stand in `autograder.slips`; what each slip gives is computed by
``python -m autograder.references hw4`` and kept in ``autograder/references/hw4.json``.
A wrong function is the right one with a piece of its code changed.
A wrong answer is a statement in the notebook's variables: data sets, answers, functions, np, sm.
"""

import pandas as pd
import statsmodels.api as sm

from autograder.slips import AlsoRight, Quantity, Slip, WrongAnswer, WrongFunction, changed
from hlmtools.logistic import (
    agq_loglik,
    attenuate,
    cluster_mode,
    eb_mean_mode,
    fit_logit_ri,
    icc_latent,
    log_joint,
    lrt_psi,
    marginal_or,
    marginal_prob,
    mor,
)

__all__ = ["ANSWERS", "QUANTITIES", "sm"]

# The notebook's answers, as functions of the data sets and of each other.
ANSWERS = {
    "con_X": (
        "pd.DataFrame({'const': 1.0, 'urban': contraception['urban'], "
        "'age': contraception['age'], "
        "'livch1': 1.0 * (contraception['livch'] == '1'), "
        "'livch2': 1.0 * (contraception['livch'] == '2'), "
        "'livch3': 1.0 * (contraception['livch'] == '3+')})"
    ),
    "beta_try": "np.array([-1.7, 0.7, -0.03, 1.1, 1.4, 1.35])",
    "sigma_try": "0.5",
    "con_eta_try": "con_X @ beta_try",
    "con_modes": (
        "cluster_mode(con_eta_try, contraception['use'], contraception['district'], sigma_try)"
    ),
    "con_joint": (
        "log_joint(np.full(60, -1.0), con_eta_try, contraception['use'], "
        "contraception['district'], sigma_try)"
    ),
    "con_joint_11": "con_joint[sorted(contraception['district'].unique()).index('11')]",
    "con_mode_11": "con_modes.loc['11', 'mode']",
    "con_mode_14": "con_modes.loc['14', 'mode']",
    "con_mode_sd_11": "con_modes.loc['11', 'sd']",
    "con_ll_1": (
        "agq_loglik(beta_try, sigma_try, con_X, contraception['use'], contraception['district'], 1)"
    ),
    "con_ll_7": (
        "agq_loglik(beta_try, sigma_try, con_X, contraception['use'], contraception['district'], 7)"
    ),
    "ohio_X": (
        "pd.DataFrame({'const': 1.0, 'age': ohio['age'], 'smoke': ohio['smoke'], "
        "'age_smoke': ohio['age'] * ohio['smoke']})"
    ),
    "ohio_beta_try": "np.array([-3.1, -0.2, 0.45, 0.1])",
    "ohio_sigma_try": "2.2",
    "ohio_ll_1": "agq_loglik(ohio_beta_try, ohio_sigma_try, ohio_X, ohio['resp'], ohio['id'], 1)",
    "ohio_ll_25": "agq_loglik(ohio_beta_try, ohio_sigma_try, ohio_X, ohio['resp'], ohio['id'], 25)",
    "con_fit": "remembered(fit_logit_ri, contraception['use'], con_X, contraception['district'])",
    "con_psi": "con_fit.psi",
    "con_urban": "con_fit.params['urban']",
    "con_urban_se": "con_fit.bse['urban']",
    "ohio_laplace": "remembered(fit_logit_ri, ohio['resp'], ohio_X, ohio['id'], k=1)",
    "ohio_psi_laplace": "ohio_laplace.psi",
    "ohio_fit": "remembered(fit_logit_ri, ohio['resp'], ohio_X, ohio['id'], k=25)",
    "ohio_psi": "ohio_fit.psi",
    "resp_X": (
        "pd.DataFrame({'const': 1.0, 'active': 1.0 * (respiratory['treat'] == 'A'), "
        "'baseline': respiratory['baseline'], 'age': respiratory['age'], "
        "'male': 1.0 * (respiratory['sex'] == 'M'), "
        "'center2': 1.0 * (respiratory['center'] == '2')})"
    ),
    "resp_patient": "respiratory['center'] + '-' + respiratory['id']",
    "resp_fit": "remembered(fit_logit_ri, respiratory['outcome'], resp_X, resp_patient, k=25)",
    "resp_psi": "resp_fit.psi",
    "resp_active": "resp_fit.params['active']",
    "con_icc": "icc_latent(con_psi)",
    "con_mor": "mor(con_psi)",
    "ohio_icc": "icc_latent(ohio_psi)",
    "ohio_mor": "mor(ohio_psi)",
    "con_xb_rural": "con_fit.params['const'] + con_fit.params['livch1']",
    "con_rural": "marginal_prob(con_xb_rural, con_psi)",
    "con_town": "marginal_prob(con_xb_rural + con_urban, con_psi)",
    "con_or": "np.exp(con_urban)",
    "con_marginal_or": "marginal_or(con_xb_rural, con_urban, con_psi)",
    "con_attenuated_or": "np.exp(attenuate(con_urban, con_psi))",
    "ohio_attenuated_smoke": "attenuate(ohio_fit.params['smoke'], ohio_psi)",
    "con_effects": "eb_mean_mode(con_fit)",
    "con_eb_mode_11": "con_effects.loc['11', 'mode']",
    "con_eb_mean_11": "con_effects.loc['11', 'mean']",
    "con_eb_sd_11": "con_effects.loc['11', 'sd']",
    "con_eb_mean_10": "con_effects.loc['10', 'mean']",
    "con_lrt": "lrt_psi(con_fit)[0]",
    "childless": "contraception[contraception['livch'] == '0']",
    "childless_X": "con_X.loc[childless.index, ['const', 'urban', 'age']]",
    "childless_fit": (
        "remembered(fit_logit_ri, childless['use'], childless_X, childless['district'])"
    ),
    "childless_lrt": "lrt_psi(childless_fit)[0]",
    "childless_lrt_p": "lrt_psi(childless_fit)[1]",
}


FITS: dict = {}  # a fit takes a second, and most slips leave it as it is


def remembered(fit, *columns, k: int = 15):
    """What fit_logit_ri gives; worked out once for the same functions and data."""
    names = ("log_joint", "cluster_mode", "agq_loglik", "fit_logit_ri")
    codes = tuple(fit.__globals__[name].__code__ for name in names)
    key = (codes, k, *(pd.util.hash_pandas_object(column).sum() for column in columns[::2]))
    if key not in FITS:
        FITS[key] = fit(*columns, k=k)
    return FITS[key]


def wrong(name: str, code: str | WrongFunction, see: str, says: str) -> Slip:
    """A slip; a text as its code is a wrong answer's statement."""
    return Slip(name, says, see, WrongAnswer(code) if isinstance(code, str) else code)


# ---- 4.1 joint density, mode and curvature

no_prior_density = wrong(
    "no_prior_density",
    changed(log_joint, ("likelihood - columns**2 / 2 - np.log(2 * np.pi) / 2", "likelihood")),
    "notes 4.3",
    "This is the log-likelihood of the cluster alone; the logarithm of the standard normal density "
    "of u has to be added.",
)
no_normal_constant = wrong(
    "no_normal_constant",
    changed(log_joint, (" - np.log(2 * np.pi) / 2", "")),
    "notes 4.3",
    "The constant of the normal density is missing, log(2 pi)/2: the mode stays where it is, but "
    "every log-likelihood is shifted.",
)
effect_not_scaled = wrong(
    "effect_not_scaled",
    changed(log_joint, ("eta + sigma * column", "eta + column")),
    "notes 4.3",
    "You add u itself to the log-odds; u counts standard deviations, so it has to be multiplied by "
    "sigma.",
)
scaled_by_variance = wrong(
    "scaled_by_variance",
    changed(log_joint, ("eta + sigma * column", "eta + sigma**2 * column")),
    "notes 4.3",
    "You multiply u by the variance; the effect in log-odds is sigma u, with the standard "
    "deviation.",
)
no_prior = wrong(
    "no_prior",
    changed(
        cluster_mode,
        ("weights=y - mu) - u", "weights=y - mu)"),
        ("weights=mu * (1 - mu)) + 1", "weights=mu * (1 - mu))"),
    ),
    "notes 4.3",
    "You maximize the likelihood of the cluster alone, without the prior; where all answers are "
    "equal that has no maximum, and elsewhere it is not shrunk.",
)
log_odds_for_standard = wrong(
    "log_odds_for_standard",
    changed(cluster_mode, ('{"mode": u, "sd": sd}', '{"mode": sigma * u, "sd": sigma * sd}')),
    "notes 4.3",
    "You report the effect in log-odds; here mode and sd are of u, in standard deviations.",
)
no_sigma_in_slope = wrong(
    "no_sigma_in_slope",
    changed(cluster_mode, ("slope = sigma * np.bincount", "slope = np.bincount")),
    "notes 4.3",
    "The derivative is with respect to u, and u enters the log-odds as sigma u: by the chain rule "
    "the sum of residuals is multiplied by sigma.",
)
curvature_for_sd = wrong(
    "curvature_for_sd",
    changed(cluster_mode, ("1 / np.sqrt(derivatives(u)[1])", "1 / derivatives(u)[1]")),
    "notes 4.3",
    "This is one over the curvature, a variance; the sd is its square root.",
)
no_prior_in_curvature = wrong(
    "no_prior_in_curvature",
    changed(cluster_mode, ("weights=mu * (1 - mu)) + 1", "weights=mu * (1 - mu))")),
    "notes 4.3",
    "The prior bends the curve too: its second derivative adds 1 to H.",
)


# ---- 4.2 quadrature

NODES = "nodes = mode[:, None] + tau[:, None] * z"

not_adaptive = wrong(
    "not_adaptive",
    changed(
        agq_loglik, (NODES, "nodes = 0 * mode[:, None] + z"), ("np.log(tau) +", "0 * np.log(tau) +")
    ),
    "notes 4.3",
    "Your nodes sit around 0 for every cluster; adaptive quadrature puts them around the mode of "
    "the cluster, in units of tau.",
)
physicists_nodes = wrong(
    "physicists_nodes",
    changed(agq_loglik, ("z, w = hermegauss(k)", "z, w = np.polynomial.hermite.hermgauss(k)")),
    "notes 4.3",
    "These nodes are for the weight exp(-z^2); the formula needs those for exp(-z^2/2), which "
    "hermegauss gives (with the e).",
)
no_curvature_factor = wrong(
    "no_curvature_factor",
    changed(agq_loglik, ("np.log(tau) + ", "")),
    "notes 4.3",
    "The term log tau is missing: when the nodes are moved and stretched by tau, the integral is "
    "multiplied by tau.",
)
no_weight_correction = wrong(
    "no_weight_correction",
    changed(agq_loglik, (" + z**2 / 2", "")),
    "notes 4.3",
    "The term z^2/2 is missing: the weights already hold exp(-z^2/2), and it has to be taken out "
    "before the integrand is put in.",
)


def deviance_for_loglik(variable: str) -> Slip:
    return wrong(
        "deviance_for_loglik",
        f"{variable} = -2 * {variable}",
        "notes 4.3",
        "This is a deviance, minus two times the log-likelihood; the task asks for the "
        "log-likelihood itself.",
    )


def psi_for_sigma(variable: str, beta: str, sigma: str, data: str) -> Slip:
    return wrong(
        "psi_for_sigma",
        f"{variable} = agq_loglik({beta}, {sigma}**2, {data})",
        "notes 4.3",
        "You gave the variance to agq_loglik; it takes sigma, the standard deviation of the "
        "cluster effects.",
    )


def other_nodes(variable: str, beta: str, sigma: str, data: str) -> Slip:
    return wrong(
        "other_nodes",
        f"{variable} = agq_loglik({beta}, {sigma}, {data})",
        "notes 4.3",
        "The number of nodes is not the one that the task names; hand k on, and look at what "
        "you asked for.",
    )


CON = "con_X, contraception['use'], contraception['district']"
OHIO = "ohio_X, ohio['resp'], ohio['id']"


# ---- 4.3 fit

LAPLACE = (
    "This is the Laplace approximation, one node a cluster; the task asks for more nodes, and "
    "here it makes a difference."
)
PLAIN = (
    "This is the coefficient of the ordinary logistic regression; it describes the average over "
    "clusters, and the task asks for the one within a cluster."
)

always_laplace = wrong(
    "always_laplace",
    changed(fit_logit_ri, ("response, number, k)", "response, number, 1)")),
    "notes 4.3",
    LAPLACE,
)
sigma_for_psi = wrong(
    "sigma_for_psi",
    changed(fit_logit_ri, ("psi=float(sigma**2)", "psi=float(abs(sigma))")),
    "notes 4.4",
    "You report sigma, the standard deviation between clusters; the task asks for psi, its "
    "square, in squared log-odds.",
)
DIAGONAL = "np.sqrt(np.diag(np.linalg.inv(hessian)))[:-1]"

squared_bse = wrong(
    "squared_bse",
    changed(fit_logit_ri, (DIAGONAL, "np.diag(np.linalg.inv(hessian))[:-1]")),
    "notes 4.4",
    "This is a sampling variance; a standard error is its square root.",
)
curvature_of_deviance = wrong(
    "curvature_of_deviance",
    changed(fit_logit_ri, (DIAGONAL, DIAGONAL.replace("hessian", "2 * hessian"))),
    "notes 4.4",
    "Your standard errors are too small by a factor of the square root of two: invert the second "
    "derivatives of the log-likelihood, not of the deviance.",
)
pooled_llf = wrong(
    "pooled_llf",
    changed(fit_logit_ri, ("else -criterion(best)", "else float(plain.llf)")),
    "notes 4.4",
    "This is the log-likelihood without clusters, at sigma = 0; report the one at your estimates.",
)
naive_se = wrong(
    "naive_se",
    "con_urban_se = sm.Logit(contraception['use'], con_X).fit(disp=0).bse['urban']",
    "notes 4.4",
    "This standard error treats all units as independent; units of one cluster resemble each "
    "other, and the model of this homework allows for that.",
)


def bare_id(variable: str, what: str) -> Slip:
    return wrong(
        "bare_id",
        f"resp_bare = fit_logit_ri(respiratory['outcome'], resp_X, respiratory['id'], k=25)\n"
        f"{variable} = resp_bare.{what}",
        "notes 4.8",
        "You clustered by id alone, and each label belongs to a patient in either center: "
        "strangers are joined, and their difference is lost. Count your clusters.",
    )


# ---- 4.4 latent intraclass correlation and median odds ratio

ICC = "psi / (psi + np.pi**2 / 3)"

icc_plus_one = wrong(
    "icc_plus_one",
    changed(icc_latent, (ICC, "psi / (psi + 1)")),
    "notes 4.5",
    "You took 1 for the variance within clusters, as for a probit model; the standard logistic "
    "distribution has variance pi^2/3.",
)
icc_half_variance = wrong(
    "icc_half_variance",
    changed(icc_latent, (ICC, "psi / (psi + np.pi**2 / 6)")),
    "notes 4.5",
    "pi^2/6 is the variance of another distribution (of extreme values); the logistic one has "
    "pi^2/3.",
)
icc_from_sds = wrong(
    "icc_from_sds",
    changed(icc_latent, (ICC, "psi**0.5 / (psi**0.5 + np.pi / 3**0.5)")),
    "notes 4.5",
    "The intraclass correlation is a share of variance: put the variances into the formula, not "
    "their square roots.",
)

ROOT = "np.sqrt(2 * psi)"

mor_without_root = wrong(
    "mor_without_root",
    changed(mor, (ROOT, "(2 * psi)")),
    "notes 4.5",
    "You put the variance of the difference into the exponent; it needs the standard deviation, "
    "the square root of 2 psi.",
)
mor_of_one_cluster = wrong(
    "mor_of_one_cluster",
    changed(mor, (ROOT, "np.sqrt(psi)")),
    "notes 4.5",
    "The median odds ratio compares two clusters, and the difference of two effects has variance "
    "2 psi.",
)
exp_psi = wrong(
    "exp_psi",
    changed(mor, ("np.sqrt(2 * psi) * norm.ppf(0.75)", "psi")),
    "notes 4.5",
    "exp(psi) is nobody's odds ratio: psi is a variance, in squared log-odds.",
)


# ---- 4.5 and 4.6 averages over clusters

AVERAGE = "expit(fixed[..., None] + np.sqrt(psi) * z) @ w / np.sqrt(2 * np.pi)"

plug_in = wrong(
    "plug_in",
    changed(marginal_prob, (AVERAGE, "expit(fixed)")),
    "notes 4.6",
    "This is the probability in a cluster with effect 0, for the average cluster; the task asks "
    "for the average over clusters.",
)
psi_as_sd = wrong(
    "psi_as_sd",
    changed(marginal_prob, ("np.sqrt(psi) * z", "psi * z")),
    "notes 4.6",
    "You spread the clusters by psi; psi is their variance, and the standard deviation is its "
    "square root.",
)
exp_psi_as_sd = wrong(
    "exp_psi_as_sd",
    changed(marginal_prob, ("np.sqrt(psi) * z", "np.exp(psi) * z")),
    "notes 4.6",
    "You exponentiated the variance and took it for a standard deviation, as a published course "
    "page does; psi is a variance already, and its square root is wanted.",
)
marginal_physicists = wrong(
    "marginal_physicists",
    changed(
        marginal_prob,
        ("z, w = hermegauss(30)", "z, w = np.polynomial.hermite.hermgauss(30)"),
        ("np.sqrt(2 * np.pi)", "np.sqrt(np.pi)"),
    ),
    "notes 4.6",
    "With nodes of hermgauss the effect has to be multiplied by sqrt(2); or take hermegauss.",
)
conditional_for_marginal = wrong(
    "conditional_for_marginal",
    changed(marginal_or, ("float(p1 / (1 - p1) / (p0 / (1 - p0)))", "float(np.exp(beta))")),
    "notes 4.6",
    "This is the odds ratio for two women of the same district; averaged over districts it is "
    "smaller.",
)
risk_ratio = wrong(
    "risk_ratio",
    changed(marginal_or, ("p1 / (1 - p1) / (p0 / (1 - p0))", "p1 / p0")),
    "notes 4.6",
    "This is a ratio of probabilities; an odds ratio divides p / (1 - p).",
)
attenuated_for_exact = wrong(
    "attenuated_for_exact",
    "con_marginal_or = np.exp(attenuate(con_urban, con_psi))",
    "notes 4.6",
    "This is the approximation; here the exact one is asked for, from the two averaged "
    "probabilities.",
)

SHRINK = "np.sqrt(1 + c**2 * psi)"

attenuate_without_root = wrong(
    "attenuate_without_root",
    changed(attenuate, (SHRINK, "(1 + c**2 * psi)")),
    "notes 4.6",
    "Divide by the square root of 1 + c^2 psi.",
)
attenuate_c_not_squared = wrong(
    "attenuate_c_not_squared",
    changed(attenuate, (SHRINK, "np.sqrt(1 + c * psi)")),
    "notes 4.6",
    "The constant c is squared under the root.",
)
attenuate_by_sd = wrong(
    "attenuate_by_sd",
    changed(attenuate, (SHRINK, "np.sqrt(1 + c**2 * psi**0.5)")),
    "notes 4.6",
    "You put the standard deviation under the root; the formula has the variance psi.",
)


# ---- 4.7 prediction

COLUMNS = '{"mode": sigma * mode, "mean": sigma * mean, "sd": sigma * spread}'

mode_called_mean = wrong(
    "mode_called_mean",
    changed(eb_mean_mode, (COLUMNS, COLUMNS.replace("sigma * mean", "sigma * mode"))),
    "notes 4.7",
    "This is the mode; the posterior is skewed, and its mean lies elsewhere: average the nodes "
    "with their posterior weights.",
)
mean_called_mode = wrong(
    "mean_called_mode",
    changed(eb_mean_mode, (COLUMNS, COLUMNS.replace("sigma * mode", "sigma * mean"))),
    "notes 4.7",
    "This is the posterior mean; the mode is where the posterior is highest.",
)
not_in_log_odds = wrong(
    "not_in_log_odds",
    changed(eb_mean_mode, (COLUMNS, COLUMNS.replace("sigma * ", ""))),
    "notes 4.7",
    "This is u, in standard deviations; the effect in log-odds is sigma u.",
)
sd_at_mode = wrong(
    "sd_at_mode",
    changed(eb_mean_mode, (COLUMNS, COLUMNS.replace("sigma * spread", "sigma * tau"))),
    "notes 4.7",
    "This standard deviation comes from the curvature at the mode; the posterior one is taken "
    "over all nodes.",
)
spread_around_zero = wrong(
    "spread_around_zero",
    changed(eb_mean_mode, ("(nodes - mean[:, None]) ** 2", "nodes**2")),
    "notes 4.7",
    "You measure the spread around 0; take it around the posterior mean.",
)


# ---- 4.8 likelihood-ratio test

TAIL = "chi2.sf(stat, 1) / 2 if stat > 1e-8 else 1.0"

no_factor_two = wrong(
    "no_factor_two",
    changed(lrt_psi, ("2 * (fit.llf", "1 * (fit.llf")),
    "notes 4.4",
    "This is the difference of the log-likelihoods; the statistic is twice that.",
)
undivided_p = wrong(
    "undivided_p",
    changed(lrt_psi, (TAIL, "chi2.sf(stat, 1)")),
    "notes 4.4",
    "This is the ordinary chi-square p-value; under psi = 0 the statistic is 0 half the time, so "
    "the tail has to be halved.",
)
halved_statistic = wrong(
    "halved_statistic",
    changed(lrt_psi, (TAIL, "chi2.sf(stat / 2, 1) if stat > 0 else 1.0")),
    "notes 4.4",
    "You halved the statistic; it is the tail probability that has to be halved.",
)
same_coefficients = wrong(
    "same_coefficients",
    f"con_lrt = 2 * (con_fit.llf - agq_loglik(con_fit.params, 0.0, {CON}))",
    "notes 4.4",
    "You set sigma to 0 and kept the coefficients of the larger model; the smaller model has to "
    "be fitted anew.",
)


QUANTITIES = (
    # ---- 4.1
    Quantity(
        "con_joint_11",
        "4.1",
        "contraception_try_11.joint_at_minus_1",
        "closed_form",
        "con_joint_11",
        slips=(no_prior_density, no_normal_constant, effect_not_scaled, scaled_by_variance),
    ),
    Quantity(
        "con_mode_11",
        "4.1",
        "contraception_try_11.mode",
        "prediction",
        "con_mode_11",
        slips=(log_odds_for_standard, no_sigma_in_slope),
    ),
    Quantity(
        "con_mode_14",
        "4.1",
        "contraception_try_14.mode",
        "prediction",
        "con_mode_14",
        slips=(no_prior, log_odds_for_standard, no_sigma_in_slope),
    ),
    Quantity(
        "con_mode_sd_11",
        "4.1",
        "contraception_try_11.mode_sd",
        "prediction",
        "con_mode_sd_11",
        slips=(curvature_for_sd, no_prior_in_curvature, log_odds_for_standard),
    ),
    # ---- 4.2
    Quantity(
        "con_ll_1",
        "4.2",
        "contraception_try.llf_1",
        "deviance",
        "con_ll_1",
        slips=(
            not_adaptive,
            physicists_nodes,
            no_curvature_factor,
            deviance_for_loglik("con_ll_1"),
            other_nodes("con_ll_1", "beta_try", "sigma_try", CON),
        ),
    ),
    Quantity(
        "con_ll_7",
        "4.2",
        "contraception_try.llf_7",
        "deviance",
        "con_ll_7",
        slips=(
            not_adaptive,
            physicists_nodes,
            no_curvature_factor,
            no_weight_correction,
            psi_for_sigma("con_ll_7", "beta_try", "sigma_try", CON + ", 7"),
        ),
    ),
    Quantity(
        "ohio_ll_1",
        "4.2",
        "ohio_try.llf_1",
        "deviance",
        "ohio_ll_1",
        slips=(
            not_adaptive,
            no_curvature_factor,
            other_nodes("ohio_ll_1", "ohio_beta_try", "ohio_sigma_try", OHIO),
        ),
    ),
    Quantity(
        "ohio_ll_25",
        "4.2",
        "ohio_try.llf_25",
        "deviance",
        "ohio_ll_25",
        slips=(
            not_adaptive,
            physicists_nodes,
            other_nodes("ohio_ll_25", "ohio_beta_try", "ohio_sigma_try", OHIO),
            psi_for_sigma("ohio_ll_25", "ohio_beta_try", "ohio_sigma_try", OHIO + ", 25"),
        ),
    ),
    # ---- 4.3
    Quantity(
        "con_psi",
        "4.3",
        "contraception_agq25.psi",
        "glmm_component",
        "con_psi",
        slips=(always_laplace, sigma_for_psi),
    ),
    Quantity(
        "con_urban",
        "4.3",
        "contraception_agq25.urban",
        "logit_coefficient",
        "con_urban",
        slips=(
            wrong(
                "plain_logit",
                "con_urban = sm.Logit(contraception['use'], con_X).fit(disp=0).params['urban']",
                "notes 4.2",
                PLAIN,
            ),
            wrong(
                "or_for_log_odds",
                "con_urban = np.exp(con_urban)",
                "notes 4.2",
                "This is an odds ratio; the task asks for the coefficient, in log-odds.",
            ),
        ),
    ),
    Quantity(
        "con_urban_se",
        "4.3",
        "contraception_agq25.se_urban",
        "numerical_se",
        "con_urban_se",
        also_right=(
            AlsoRight(
                "contraception_agq25.se_given_psi_urban",
                "With the variance taken as known, as lme4 gives it with use.hessian = FALSE.",
            ),
        ),
        slips=(naive_se, squared_bse, curvature_of_deviance),
    ),
    Quantity(
        "con_llf",
        "4.3",
        "contraception_agq25.llf",
        "deviance",
        "con_fit.llf",
        slips=(always_laplace, pooled_llf),
    ),
    Quantity(
        "ohio_psi",
        "4.3",
        "ohio_agq25.psi",
        "glmm_component",
        "ohio_psi",
        also_right=(AlsoRight("ohio_agq51.psi", "With 51 nodes."),),
        slips=(
            wrong("laplace_for_agq", "ohio_psi = ohio_laplace.psi", "notes 4.3", LAPLACE),
            sigma_for_psi,
        ),
    ),
    Quantity(
        "ohio_psi_laplace",
        "4.3",
        "ohio_laplace.psi",
        "glmm_component",
        "ohio_psi_laplace",
        slips=(
            wrong(
                "agq_for_laplace",
                "ohio_psi_laplace = ohio_fit.psi",
                "notes 4.3",
                "This is the estimate with many nodes; the task asks for the Laplace "
                "approximation, k=1.",
            ),
            sigma_for_psi,
        ),
    ),
    Quantity(
        "resp_psi",
        "4.3",
        "respiratory_agq25.psi",
        "glmm_component",
        "resp_psi",
        slips=(bare_id("resp_psi", "psi"), sigma_for_psi),
    ),
    Quantity(
        "resp_active",
        "4.3",
        "respiratory_agq25.active",
        "logit_coefficient",
        "resp_active",
        slips=(
            bare_id("resp_active", "params['active']"),
            wrong(
                "plain_logit",
                "resp_active = sm.Logit(respiratory['outcome'], resp_X).fit(disp=0)"
                ".params['active']",
                "notes 4.2",
                PLAIN,
            ),
        ),
    ),
    # ---- 4.4
    Quantity(
        "con_icc",
        "4.4",
        "contraception_agq25.icc",
        "glmm_component",
        "con_icc",
        slips=(icc_plus_one, icc_half_variance, icc_from_sds),
    ),
    Quantity(
        "con_mor",
        "4.4",
        "contraception_agq25.mor",
        "glmm_component",
        "con_mor",
        slips=(mor_without_root, mor_of_one_cluster, exp_psi),
    ),
    Quantity(
        "ohio_icc",
        "4.4",
        "ohio_agq25.icc",
        "glmm_component",
        "ohio_icc",
        slips=(
            icc_plus_one,
            icc_half_variance,
            icc_from_sds,
            wrong(
                "laplace_for_agq",
                "ohio_icc = icc_latent(ohio_laplace.psi)",
                "notes 4.3",
                LAPLACE,
            ),
        ),
    ),
    Quantity(
        "ohio_mor",
        "4.4",
        "ohio_agq25.mor",
        "glmm_component",
        "ohio_mor",
        slips=(mor_without_root, mor_of_one_cluster, exp_psi),
    ),
    # ---- 4.5
    Quantity(
        "con_rural",
        "4.5",
        "contraception_agq25.rural",
        "ratio",
        "con_rural",
        slips=(plug_in, psi_as_sd, exp_psi_as_sd, marginal_physicists),
    ),
    Quantity(
        "con_town",
        "4.5",
        "contraception_agq25.town",
        "ratio",
        "con_town",
        slips=(plug_in, psi_as_sd, exp_psi_as_sd, marginal_physicists),
    ),
    # ---- 4.6
    Quantity(
        "con_or",
        "4.6",
        "contraception_agq25.or",
        "logit_coefficient",
        "con_or",
        slips=(
            wrong(
                "log_odds_for_or",
                "con_or = con_urban",
                "notes 4.2",
                "This is the coefficient, in log-odds; an odds ratio is its exponential.",
            ),
            wrong(
                "marginal_for_conditional",
                "con_or = con_marginal_or",
                "notes 4.6",
                "This is the odds ratio averaged over districts; the task asks for the one within "
                "a district.",
            ),
        ),
    ),
    Quantity(
        "con_marginal_or",
        "4.6",
        "contraception_agq25.marginal_or",
        "ratio",
        "con_marginal_or",
        slips=(conditional_for_marginal, risk_ratio, attenuated_for_exact),
    ),
    Quantity(
        "con_attenuated_or",
        "4.6",
        "contraception_agq25.attenuated_or",
        "ratio",
        "con_attenuated_or",
        slips=(attenuate_without_root, attenuate_c_not_squared, attenuate_by_sd),
    ),
    Quantity(
        "ohio_attenuated_smoke",
        "4.6",
        "ohio_agq25.attenuated_smoke",
        "glmm_component",
        "ohio_attenuated_smoke",
        slips=(
            attenuate_without_root,
            attenuate_c_not_squared,
            attenuate_by_sd,
            wrong(
                "not_attenuated",
                "ohio_attenuated_smoke = ohio_fit.params['smoke']",
                "notes 4.6",
                "This is the coefficient within a child; the task asks for its size in the model "
                "averaged over children.",
            ),
        ),
    ),
    # ---- 4.7
    Quantity(
        "con_eb_mode_11",
        "4.7",
        "contraception_agq25.eb_mode_11",
        "glmm_component",
        "con_eb_mode_11",
        slips=(mean_called_mode, not_in_log_odds),
    ),
    Quantity(
        "con_eb_mean_11",
        "4.7",
        "contraception_agq25.eb_mean_11",
        "glmm_component",
        "con_eb_mean_11",
        slips=(mode_called_mean, not_in_log_odds),
    ),
    Quantity(
        "con_eb_sd_11",
        "4.7",
        "contraception_agq25.eb_sd_11",
        "prediction",
        "con_eb_sd_11",
        slips=(sd_at_mode, not_in_log_odds, spread_around_zero),
    ),
    Quantity(
        "con_eb_mean_10",
        "4.7",
        "contraception_agq25.eb_mean_10",
        "glmm_component",
        "con_eb_mean_10",
        slips=(mode_called_mean, not_in_log_odds),
    ),
    # ---- 4.8
    Quantity(
        "con_lrt",
        "4.8",
        "contraception_agq25.lrt",
        "deviance",
        "con_lrt",
        slips=(no_factor_two, same_coefficients),
    ),
    Quantity(
        "childless_lrt",
        "4.8",
        "childless_agq25.lrt",
        "deviance",
        "childless_lrt",
        slips=(no_factor_two,),
    ),
    Quantity(
        "childless_lrt_p",
        "4.8",
        "childless_agq25.lrt_p",
        "p_value",
        "childless_lrt_p",
        slips=(undivided_p, halved_statistic),
    ),
)
