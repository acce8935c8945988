# References of homework 4, the logistic model with a random intercept: lme4's glmer, and numerical
# integration with R's own integrate(), on the CSV files of data/.
# Writes the "fits" of hw4.json; run it with `python -m autograder.references hw4 --r`.

source("record.R")
suppressPackageStartupMessages({
  library(MASS)
  library(geepack)
})

contraception <- dataset("contraception", c("district", "livch"))
childless <- subset(contraception, livch == "0")
ohio <- dataset("ohio", "id")
respiratory <- dataset("respiratory", c("center", "id"))
respiratory$active <- as.numeric(respiratory$treat == "A")
respiratory$male <- as.numeric(respiratory$sex == "M")
respiratory$center2 <- as.numeric(respiratory$center == "2")
respiratory$patient <- paste(respiratory$center, respiratory$id)

# tighter than the defaults, in both the inner and the outer iterations
control <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9), tolPwrss = 1e-10)
fit_glmer <- function(formula, data, nodes) {
  fit <- glmer(formula, data, family = binomial, nAGQ = nodes, control = control)
  fit@call$formula <- formula
  fit
}

# One entry of a fit: coefficients and standard errors by position, psi, log-likelihood
record_glmer <- function(key, data, fit, nodes, extra = list()) {
  beta <- fixef(fit)
  joint <- sqrt(diag(vcov(fit, use.hessian = TRUE)))
  given_psi <- sqrt(diag(vcov(fit, use.hessian = FALSE)))
  names <- gsub("[^A-Za-z0-9]+", "_", gsub("^_|\\(|\\)|_$", "", names(beta)))
  numbers <- c(setNames(as.list(beta), names), setNames(as.list(joint), paste0("se_", names)),
               setNames(as.list(given_psi), paste0("se_given_psi_", names)),
               list(psi = VarCorr(fit)[[1]][1], llf = c(logLik(fit))), extra)
  problems <- fit@optinfo$conv$lme4$messages
  record(key, data, paste0("glmer(", deparse1(fit@call$formula), ", binomial, nAGQ = ", nodes, ")"),
         numbers, reml = FALSE, optimizer = "bobyqa rhoend 1e-9, tolPwrss 1e-10",
         converged = fit@optinfo$conv$opt == 0 && length(problems) == 0, singular = isSingular(fit))
}

# log f(y_j, u) of one cluster, u standard normal
log_joint <- function(u, eta, y, sigma) {
  sapply(u, function(each) {
    sum(plogis((2 * y - 1) * (eta + sigma * each), log.p = TRUE)) + dnorm(each, log = TRUE)
  })
}

# Mode, curvature there, posterior mean and standard deviation of one cluster's u
posterior_numbers <- function(eta, y, sigma) {
  slope <- function(u) sigma * sum(y - plogis(eta + sigma * u)) - u
  mode <- uniroot(slope, c(-50, 50), tol = 1e-13)$root
  p <- plogis(eta + sigma * mode)
  top <- log_joint(mode, eta, y, sigma)
  moment <- function(power) {
    integrate(function(u) u^power * exp(log_joint(u, eta, y, sigma) - top),
              mode - 12, mode + 12, rel.tol = 1e-11, subdivisions = 500)$value
  }
  mean <- moment(1) / moment(0)
  list(mode = mode, mode_sd = 1 / sqrt(sigma^2 * sum(p * (1 - p)) + 1), mean = mean,
       sd = sqrt(moment(2) / moment(0) - mean^2), ll = top + log(moment(0)),
       joint_at_minus_1 = log_joint(-1, eta, y, sigma))
}

# ---- at given parameters: the same numbers as in the notebook
X <- model.matrix(~ urban + age + livch, contraception)
beta_try <- c(-1.7, 0.7, -0.03, 1.1, 1.4, 1.35)
sigma_try <- 0.5
eta <- drop(X %*% beta_try)
district_at_try <- function(label) {
  rows <- contraception$district == label
  posterior_numbers(eta[rows], contraception$use[rows], sigma_try)
}
for (label in c("11", "14", "3")) {
  record(paste0("contraception_try_", label), "contraception",
         paste0("uniroot and integrate, district ", label), district_at_try(label), reml = FALSE)
}
exact <- sum(sapply(unique(contraception$district), function(label) district_at_try(label)$ll))
deviance_at <- function(formula, data, nodes, sigma, beta) {
  glmer(formula, data, family = binomial, nAGQ = nodes, devFunOnly = TRUE,
        control = control)(c(sigma, beta))
}
con_formula <- use ~ urban + age + livch + (1 | district)
values <- sapply(c(1, 3, 7, 25), function(nodes) {
  -deviance_at(con_formula, contraception, nodes, sigma_try, beta_try) / 2
})
record("contraception_try", "contraception", "glmer(devFunOnly = TRUE) at given parameters",
       list(llf_1 = values[1], llf_3 = values[2], llf_7 = values[3], llf_25 = values[4],
            llf_exact = exact),
       reml = FALSE)

ohio_formula <- resp ~ age * smoke + (1 | id)
ohio_beta <- c(-3.1, -0.2, 0.45, 0.1)
ohio_sigma <- 2.2
values <- sapply(c(1, 5, 25), function(nodes) {
  -deviance_at(ohio_formula, ohio, nodes, ohio_sigma, ohio_beta) / 2
})
eta <- drop(model.matrix(~ age * smoke, ohio) %*% ohio_beta)
exact <- sum(sapply(split(seq_along(eta), ohio$id), function(rows) {
  posterior_numbers(eta[rows], ohio$resp[rows], ohio_sigma)$ll
}))
record("ohio_try", "ohio", "glmer(devFunOnly = TRUE) at given parameters",
       list(llf_1 = values[1], llf_5 = values[2], llf_25 = values[3], llf_exact = exact),
       reml = FALSE)

# ---- contraception: the fit and what is read from it
c2 <- (16 * sqrt(3) / (15 * pi))^2
marginal_prob <- function(xb, psi) {
  integrate(function(z) plogis(xb + sqrt(psi) * z) * dnorm(z), -12, 12, rel.tol = 1e-11)$value
}
odds <- function(p) p / (1 - p)
ratios <- function(psi) {
  list(icc = psi / (psi + pi^2 / 3), mor = exp(sqrt(2 * psi) * qnorm(0.75)))
}
lrt_numbers <- function(fit, plain) {
  stat <- max(0, 2 * (c(logLik(fit)) - c(logLik(plain))))
  list(lrt = stat, lrt_p = if (stat > 0) pchisq(stat, 1, lower.tail = FALSE) / 2 else 1,
       llf_plain = c(logLik(plain)))
}

fit <- fit_glmer(con_formula, contraception, 25)
plain <- glm(use ~ urban + age + livch, binomial, contraception)
beta <- fixef(fit)
psi <- VarCorr(fit)[[1]][1]
rural <- marginal_prob(beta[["(Intercept)"]] + beta[["livch1"]], psi)
town <- marginal_prob(beta[["(Intercept)"]] + beta[["livch1"]] + beta[["urban"]], psi)
eta <- drop(X %*% beta)
district <- function(label) {
  rows <- contraception$district == label
  found <- posterior_numbers(eta[rows], contraception$use[rows], sqrt(psi))
  setNames(lapply(found[c("mode", "mean", "sd")], function(each) each * sqrt(psi)),
           paste0(c("eb_mode_", "eb_mean_", "eb_sd_"), label))
}
record_glmer("contraception_agq25", "contraception", fit, 25, c(
  ratios(psi), lrt_numbers(fit, plain),
  list(rural = rural, town = town, or = exp(beta[["urban"]]),
       marginal_or = odds(town) / odds(rural),
       attenuated_urban = beta[["urban"]] / sqrt(1 + c2 * psi),
       attenuated_or = exp(beta[["urban"]] / sqrt(1 + c2 * psi)),
       ranef_11 = ranef(fit)$district["11", 1]),
  district("11"), district("10"), district("14")
))
record_glmer("contraception_laplace", "contraception", fit_glmer(con_formula, contraception, 1), 1)
pql <- glmmPQL(use ~ urban + age + livch, ~ 1 | district, binomial, contraception, verbose = FALSE)
record("contraception_pql", "contraception", "glmmPQL(use ~ urban + age + livch, ~ 1 | district)",
       list(psi = as.numeric(VarCorr(pql)[1, "Variance"]), urban = fixef(pql)[["urban"]]),
       reml = FALSE, optimizer = "nlme::lme")
record("contraception_logit", "contraception", "glm(use ~ urban + age + livch, binomial)",
       list(urban = coef(plain)[["urban"]], se_urban = sqrt(vcov(plain)["urban", "urban"]),
            llf = c(logLik(plain))), reml = FALSE, optimizer = "IRLS")

fit <- fit_glmer(use ~ urban + age + (1 | district), childless, 25)
record_glmer("childless_agq25", "contraception", fit, 25,
             lrt_numbers(fit, glm(use ~ urban + age, binomial, childless)))

# ---- ohio: four answers a child, so that the number of nodes matters
fit <- fit_glmer(ohio_formula, ohio, 25)
psi <- VarCorr(fit)[[1]][1]
record_glmer("ohio_agq25", "ohio", fit, 25, c(
  ratios(psi), list(attenuated_smoke = fixef(fit)[["smoke"]] / sqrt(1 + c2 * psi))
))
record_glmer("ohio_agq51", "ohio", fit_glmer(ohio_formula, ohio, 51), 51)
record_glmer("ohio_laplace", "ohio", fit_glmer(ohio_formula, ohio, 1), 1)
gee <- summary(geeglm(resp ~ age * smoke, binomial, ohio, id = as.numeric(id),
                      corstr = "exchangeable"))
record("ohio_gee", "ohio", "geeglm(resp ~ age * smoke, corstr = \"exchangeable\")",
       list(smoke = gee$coefficients["smoke", 1], se_smoke = gee$coefficients["smoke", 2]),
       reml = FALSE, optimizer = "geepack")

# ---- respiratory: the label of a patient repeats across centers
formula <- outcome ~ active + baseline + age + male + center2 + (1 | patient)
record_glmer("respiratory_agq25", "respiratory", fit_glmer(formula, respiratory, 25), 25)
formula <- outcome ~ active + baseline + age + male + center2 + (1 | id)
record_glmer("respiratory_bare_id", "respiratory", fit_glmer(formula, respiratory, 25), 25)

write_record("hw4.R", c("lme4", "Matrix", "MASS", "nlme", "geepack"))
