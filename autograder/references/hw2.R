# References of homework 2, covariates at two levels: lme4, lm and plm on the CSV files of data/.
# Writes the "fits" of hw2.json; run it with `python -m autograder.references hw2 --r`.

source("record.R")
suppressPackageStartupMessages(library(plm))

hsb <- dataset("hsb", "school")
hsb$ses_mean <- ave(hsb$ses, hsb$school)
hsb$ses_dev <- hsb$ses - hsb$ses_mean
hsb$minority <- as.numeric(hsb$minrty == "Yes")
hsb$minority_mean <- ave(hsb$minority, hsb$school)
hsb$catholic <- as.numeric(hsb$sector == "Catholic")
bdf <- dataset("bdf", "schoolNR")
bdf$iq_mean <- ave(bdf$IQ_verb, bdf$schoolNR)
bdf$iq_dev <- bdf$IQ_verb - bdf$iq_mean
males <- dataset("males", "nr")

random_intercept <- function(formula, data, reml) {
  fit <- lmer(formula, data, REML = reml, control = tight())
  fit@call$formula <- formula
  fit
}

variances <- function(fit) as.data.frame(VarCorr(fit))$vcov

# Coefficients b_NAME with their standard errors se_NAME
coefficient_numbers <- function(b, V) {
  c(setNames(as.list(unname(b)), paste0("b_", names(b))),
    setNames(as.list(unname(sqrt(diag(as.matrix(V))))), paste0("se_", names(b))))
}

# Standard errors from the joint Hessian in beta and lam = psi / sigma2, sigma2 profiled out:
# what statsmodels reports (lme4's are conditional on the variances)
joint_numbers <- function(fit) {
  X <- getME(fit, "X"); y <- getME(fit, "y"); g <- as.character(getME(fit, "flist")[[1]])
  n <- as.vector(table(g)[g]); df <- length(y) - isREML(fit) * ncol(X)
  criterion <- function(par) {
    lam <- par[length(par)]
    keep <- 1 / sqrt(1 + n * lam)
    demeaned <- function(v) v - (1 - keep) * ave(v, g)
    Xs <- apply(X, 2, demeaned)
    r2 <- sum((demeaned(y) - Xs %*% par[-length(par)])^2)
    sum(log(1 + n * lam) / n) + isREML(fit) * c(determinant(crossprod(Xs))$modulus) +
      df * (1 + log(2 * pi * r2 / df))
  }
  spread <- variances(fit)
  hessian <- optimHess(c(fixef(fit), spread[1] / spread[2]), criterion, control = list(
    ndeps = c(0.01 * sqrt(diag(as.matrix(vcov(fit)))), 1e-4)))
  se <- sqrt(diag(solve(hessian / 2)))[seq_along(fixef(fit))]
  setNames(as.list(unname(se)), paste0("se_joint_", names(fixef(fit))))
}

record_ri <- function(key, data, fit, extra = list()) {
  record_lmer(key, data, fit, c(coefficient_numbers(fixef(fit), vcov(fit)), extra))
}

# sum of weights times coefficients, and its standard error
combined <- function(fit, weights) {
  w <- setNames(rep(0, length(fixef(fit))), names(fixef(fit)))
  w[names(weights)] <- weights
  list(effect = sum(w * fixef(fit)), se = sqrt(c(t(w) %*% as.matrix(vcov(fit)) %*% w)))
}

renamed <- function(numbers, ending) setNames(numbers, paste0(names(numbers), "_", ending))

wald <- function(b, V) {
  stat <- c(t(b) %*% solve(as.matrix(V)) %*% b)
  list(wald = stat, wald_df = length(b), wald_p = pchisq(stat, length(b), lower.tail = FALSE))
}

wald_of <- function(fit, names) wald(fixef(fit)[names], vcov(fit)[names, names, drop = FALSE])

lrt_numbers <- function(fit0, fit1) {
  stat <- 2 * (c(logLik(fit1)) - c(logLik(fit0)))
  df <- length(fixef(fit1)) - length(fixef(fit0))
  list(lrt = stat, lrt_df = df, lrt_p = pchisq(stat, df, lower.tail = FALSE))
}

# least squares with an intercept for every cluster, by dummy variables
dummies <- function(formula, data, names) {
  fit <- lm(formula, data)
  c(coefficient_numbers(coef(fit)[names], vcov(fit)[names, names, drop = FALSE]),
    list(sigma2 = sigma(fit)^2, df_resid = df.residual(fit)))
}

hausman_numbers <- function(fixed, fit, name) {
  d <- coef(fixed)[name] - fixef(fit)[name]
  stat <- unname(d^2 / (vcov(fixed)[name, name] - vcov(fit)[name, name]))
  list(hausman = stat, hausman_p = pchisq(stat, 1, lower.tail = FALSE))
}

r2_numbers <- function(null, fit, n) {
  v0 <- variances(null); v1 <- variances(fit)
  list(rb_between = 1 - v1[1] / v0[1], rb_within = 1 - v1[2] / v0[2],
       sb_level1 = 1 - sum(v1) / sum(v0),
       sb_level2 = 1 - (v1[1] + v1[2] / n) / (v0[1] + v0[2] / n), harmonic_n = n)
}

# cluster-robust covariance matrix of least squares (CR0)
robust <- function(fit, g) {
  X <- model.matrix(fit); bread <- solve(crossprod(X))
  scores <- rowsum(X * residuals(fit), g)
  bread %*% crossprod(scores) %*% bread
}

# ---- High School and Beyond: the covariate
record("hsb_ses_split", "hsb", "ave(ses, school)", list(
  first_dev = hsb$ses_dev[1], first_mean = hsb$ses_mean[1],
  share_between = var(hsb$ses_mean) / var(hsb$ses),
  pupil_mean = mean(hsb$ses), mean_of_means = mean(tapply(hsb$ses, hsb$school, mean))
), reml = FALSE)

# ---- the criterion away from its minimum
for (reml in c(TRUE, FALSE)) {
  criterion <- lmer(mAch ~ ses + (1 | school), hsb, REML = reml, devFunOnly = TRUE)
  record(paste0("hsb_ses_criterion_", if (reml) "reml" else "ml"), "hsb",
         "lmer(mAch ~ ses + (1 | school), devFunOnly = TRUE)(sqrt(lam))",
         list(criterion_0 = criterion(0), criterion_05 = criterion(sqrt(0.05))), reml = reml)
}

# ---- one slope, and two
null <- random_intercept(mAch ~ 1 + (1 | school), hsb, TRUE)
record_ri("hsb_null_reml", "hsb", null)
raw <- random_intercept(mAch ~ ses + (1 | school), hsb, TRUE)
record_ri("hsb_ses_reml", "hsb", raw, joint_numbers(raw))
raw_ml <- random_intercept(mAch ~ ses + (1 | school), hsb, FALSE)
record_ri("hsb_ses_ml", "hsb", raw_ml)
pooled <- lm(mAch ~ ses, hsb)
record("hsb_ses_ols", "hsb", "lm(mAch ~ ses)",
       coefficient_numbers(coef(pooled), vcov(pooled)), reml = FALSE)
both <- random_intercept(mAch ~ ses_dev + ses_mean + (1 | school), hsb, TRUE)
harmonic <- 160 / sum(1 / table(hsb$school))
record_ri("hsb_wb_reml", "hsb", both, c(joint_numbers(both), r2_numbers(null, both, harmonic)))
only <- random_intercept(mAch ~ ses_dev + (1 | school), hsb, TRUE)
record_ri("hsb_dev_reml", "hsb", only, r2_numbers(null, only, harmonic))
record_ri("hsb_mean_reml", "hsb", random_intercept(mAch ~ ses_mean + (1 | school), hsb, TRUE))
record_ri("hsb_wb_ml", "hsb", random_intercept(mAch ~ ses_dev + ses_mean + (1 | school), hsb, FALSE))

# ---- fixed effects
fixed <- lm(mAch ~ ses + school, hsb)
record("hsb_fixed", "hsb", "lm(mAch ~ ses + school)",
       c(dummies(mAch ~ ses + school, hsb, "ses"),
         renamed(hausman_numbers(fixed, raw, "ses"), "reml"),
         renamed(hausman_numbers(fixed, raw_ml, "ses"), "ml")), reml = FALSE)
within <- plm(mAch ~ ses, hsb, index = "school", model = "within")
swamy <- plm(mAch ~ ses, hsb, index = "school", model = "random")
record("hsb_plm", "hsb", "phtest(plm within, plm random (Swamy-Arora))",
       list(b_within = unname(coef(within)), se_within = sqrt(vcov(within)[1, 1]),
            b_random = coef(swamy)[["ses"]], se_random = sqrt(vcov(swamy)["ses", "ses"]),
            hausman = unname(phtest(within, swamy)$statistic)), reml = FALSE)

# ---- contextual effects
mundlak <- random_intercept(mAch ~ ses + ses_mean + (1 | school), hsb, TRUE)
record_ri("hsb_mundlak_reml", "hsb", mundlak, c(
  joint_numbers(mundlak), wald_of(mundlak, "ses_mean"),
  renamed(combined(both, c(ses_mean = 1, ses_dev = -1)), "contextual"),
  renamed(combined(mundlak, c(ses_mean = 1, ses = 1)), "between")))
two <- random_intercept(mAch ~ ses + ses_mean + minority + minority_mean + (1 | school), hsb, TRUE)
record_ri("hsb_mundlak_two_reml", "hsb", two, wald_of(two, c("ses_mean", "minority_mean")))

# ---- a covariate of the school
raw_sector <- function(reml) random_intercept(mAch ~ ses + catholic + (1 | school), hsb, reml)
record_ri("hsb_ses_sector_reml", "hsb", raw_sector(TRUE), c(
  wald_of(raw_sector(TRUE), "catholic"),
  list(criterion_difference = REMLcrit(raw) - REMLcrit(raw_sector(TRUE)))))
record_ri("hsb_ses_sector_ml", "hsb", raw_sector(FALSE), lrt_numbers(raw_ml, raw_sector(FALSE)))
with_sector <- function(reml) {
  random_intercept(mAch ~ ses_dev + ses_mean + catholic + (1 | school), hsb, reml)
}
sector_ols <- lm(mAch ~ ses_dev + ses_mean + catholic, hsb)
sector <- with_sector(TRUE)
record_ri("hsb_sector_reml", "hsb", sector, c(
  joint_numbers(sector), wald_of(sector, "catholic"), r2_numbers(null, sector, harmonic),
  list(criterion_difference = REMLcrit(both) - REMLcrit(sector))))
record_ri("hsb_sector_ml", "hsb", with_sector(FALSE), lrt_numbers(
  random_intercept(mAch ~ ses_dev + ses_mean + (1 | school), hsb, FALSE), with_sector(FALSE)))
record("hsb_sector_ols", "hsb", "lm(mAch ~ ses_dev + ses_mean + catholic)",
       c(coefficient_numbers(coef(sector_ols), vcov(sector_ols)),
         list(cr0_ses_dev = sqrt(robust(sector_ols, hsb$school)["ses_dev", "ses_dev"]),
              cr0_ses_mean = sqrt(robust(sector_ols, hsb$school)["ses_mean", "ses_mean"]),
              cr0_catholic = sqrt(robust(sector_ols, hsb$school)["catholic", "catholic"]))),
       reml = FALSE)

# ---- bdf: transfer
null <- random_intercept(langPOST ~ 1 + (1 | schoolNR), bdf, FALSE)
record_ri("bdf_null_ml", "bdf", null)
raw <- random_intercept(langPOST ~ IQ_verb + (1 | schoolNR), bdf, FALSE)
record_ri("bdf_iq_ml", "bdf", raw, joint_numbers(raw))
both <- random_intercept(langPOST ~ iq_dev + iq_mean + (1 | schoolNR), bdf, FALSE)
mundlak <- random_intercept(langPOST ~ IQ_verb + iq_mean + (1 | schoolNR), bdf, FALSE)
record_ri("bdf_wb_ml", "bdf", both, r2_numbers(null, both, 131 / sum(1 / table(bdf$schoolNR))))
record_ri("bdf_mundlak_ml", "bdf", mundlak, c(
  wald_of(mundlak, "iq_mean"),
  renamed(combined(both, c(iq_mean = 1, iq_dev = -1)), "contextual"),
  renamed(combined(mundlak, c(iq_mean = 1, IQ_verb = 1)), "between")))
fixed <- lm(langPOST ~ IQ_verb + schoolNR, bdf)
record("bdf_fixed", "bdf", "lm(langPOST ~ IQ_verb + schoolNR)",
       c(dummies(langPOST ~ IQ_verb + schoolNR, bdf, "IQ_verb"),
         renamed(hausman_numbers(fixed, raw, "IQ_verb"), "ml")), reml = FALSE)
larger <- random_intercept(langPOST ~ IQ_verb + iq_mean + schoolSES + (1 | schoolNR), bdf, FALSE)
record_ri("bdf_school_ses_ml", "bdf", larger,
          c(lrt_numbers(mundlak, larger), wald_of(larger, "schoolSES")))

# ---- males: two contextual effects that are tested together (a check of the functions)
males$union_mean <- ave(males$union, males$nr)
males$married_mean <- ave(males$married, males$nr)
males$years <- males$year - 1980
males$education <- males$school - 12
formula <- wage ~ black + hisp + union + married + exper + years + education + (1 | nr)
record_ri("males_ri_ml", "males", random_intercept(formula, males, FALSE))
mundlak <- random_intercept(update(formula, ~ . + union_mean + married_mean), males, FALSE)
record_ri("males_mundlak_ml", "males", mundlak, wald_of(mundlak, c("union_mean", "married_mean")))

write_record("hw2.R", c("lme4", "Matrix", "plm"))
