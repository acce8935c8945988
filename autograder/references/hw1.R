# References of homework 1, the variance-components model: lme4 on the CSV files of data/.
# Writes the "fits" of hw1.json; run it with `python -m autograder.references hw1 --r`.

source("record.R")

hsb <- dataset("hsb", "school")
dyestuff <- dataset("dyestuff", "Batch")
dyestuff2 <- dataset("dyestuff2", "Batch")
rail <- dataset("rail", "Rail")
bdf <- dataset("bdf", "schoolNR")

null_model <- function(formula, data, reml) {
  fit <- lmer(formula, data, REML = reml, control = tight())
  fit@call$formula <- formula
  fit
}

# One-way analysis of variance by R's own aov table; n0 of Searle et al. (1992), chapter 3
anova_numbers <- function(y, g) {
  table <- anova(lm(y ~ factor(g)))
  n <- as.vector(table(g))
  n0 <- (sum(n) - sum(n^2) / sum(n)) / (length(n) - 1)
  ms <- table[["Mean Sq"]]
  list(ssw = table[["Sum Sq"]][2], msb = ms[1], msw = ms[2], n0 = n0,
       psi = (ms[1] - ms[2]) / n0, sigma2 = ms[2],
       mean = mean(y), mean_of_means = mean(tapply(y, g, mean)))
}

# The model without clusters: the same criteria at psi = 0
pooled_numbers <- function(y) {
  fit <- lm(y ~ 1)
  list(mean = mean(y), se = sqrt(vcov(fit)[1, 1]),
       criterion_reml = -2 * c(logLik(fit, REML = TRUE)), criterion_ml = -2 * c(logLik(fit)))
}

# Likelihood-ratio test of psi = 0 with the half-and-half mixture as its distribution
lrt_numbers <- function(fit1, y) {
  stat <- max(0, 2 * (c(logLik(fit1)) - c(logLik(lm(y ~ 1), REML = isREML(fit1)))))
  list(lrt = stat, lrt_p = if (stat > 0) pchisq(stat, 1, lower.tail = FALSE) / 2 else 1)
}

profile_numbers <- function(fit) {
  interval <- suppressWarnings(suppressMessages(
    confint(fit, method = "profile", oldNames = FALSE, quiet = TRUE)))
  ends <- list(sd_between_low = interval[1, 1], sd_between_high = interval[1, 2],
               sd_within_low = interval[2, 1], sd_within_high = interval[2, 2],
               beta_low = interval[3, 1], beta_high = interval[3, 2])
  # where psi is 0, lme4's profile of the within standard deviation fails
  if (isSingular(fit)) ends[c("sd_between_low", "sd_between_high", "beta_low", "beta_high")] else ends
}

# Standard error of beta from the joint Hessian in beta and lam = psi / sigma2, sigma2 profiled out:
# what statsmodels reports (lme4's is conditional on the variances)
joint_se <- function(fit, y, g) {
  n <- as.vector(table(g)); mean <- as.vector(tapply(y, g, mean))
  ssw <- sum((y - mean[match(g, names(table(g)))])^2)
  df <- sum(n) - isREML(fit)
  criterion <- function(par) {
    w <- n / (1 + n * par[2])
    r2 <- ssw + sum(w * (mean - par[1])^2)
    sum(log(1 + n * par[2])) + isREML(fit) * log(sum(w)) + df * (1 + log(2 * pi * r2 / df))
  }
  lam <- as.data.frame(VarCorr(fit))$vcov
  hessian <- optimHess(c(unname(fixef(fit)), lam[1] / lam[2]), criterion,
                       control = list(ndeps = c(1e-3, 1e-4)))
  sqrt(solve(hessian / 2)[1, 1])
}

# Empirical Bayes predictions of two schools, from ranef()
school_numbers <- function(fit) {
  predicted <- ranef(fit, condVar = TRUE)$school
  variance <- setNames(attr(predicted, "postVar")[1, 1, ], rownames(predicted))
  spread <- as.data.frame(VarCorr(fit))$vcov
  reliability <- function(n) n * spread[1] / (n * spread[1] + spread[2])
  half <- qnorm(0.975) * sqrt(spread[1])
  plus_beta <- variance[["8367"]] + (1 - reliability(14))^2 * vcov(fit)[1, 1]
  list(
    eb_8367 = predicted["8367", 1], eb_2305 = predicted["2305", 1],
    post_var_8367 = variance[["8367"]], comp_se_8367 = sqrt(variance[["8367"]]),
    post_var_plus_beta_8367 = plus_beta, comp_se_plus_beta_8367 = sqrt(plus_beta),
    diag_var_8367 = spread[1] - variance[["8367"]],
    reliability_14 = reliability(14), reliability_67 = reliability(67),
    mean_reliability = mean(reliability(as.vector(table(hsb$school)))),
    range_low = unname(fixef(fit)) - half, range_high = unname(fixef(fit)) + half
  )
}

# ---- High School and Beyond
record("hsb_anova", "hsb", "anova(lm(mAch ~ factor(school)))",
       anova_numbers(hsb$mAch, hsb$school), reml = FALSE)
record("hsb_pooled", "hsb", "lm(mAch ~ 1)", pooled_numbers(hsb$mAch), reml = FALSE)
fit <- null_model(mAch ~ 1 + (1 | school), hsb, TRUE)
record_lmer("hsb_null_reml", "hsb", fit, c(
  list(se_joint = joint_se(fit, hsb$mAch, hsb$school)),
  school_numbers(fit), lrt_numbers(fit, hsb$mAch)
))
fit <- null_model(mAch ~ 1 + (1 | school), hsb, FALSE)
record_lmer("hsb_null_ml", "hsb", fit, c(
  list(se_joint = joint_se(fit, hsb$mAch, hsb$school)),
  lrt_numbers(fit, hsb$mAch), profile_numbers(fit)
))
criterion <- lmer(mAch ~ 1 + (1 | school), hsb, devFunOnly = TRUE)
record("hsb_criterion_022", "hsb",
       "lmer(mAch ~ 1 + (1 | school), devFunOnly = TRUE)(sqrt(0.22))",
       list(criterion = criterion(sqrt(0.22))), reml = TRUE)

# ---- Dyestuff, Dyestuff2, Rail: balanced
for (name in c("dyestuff", "dyestuff2")) {
  data <- get(name)
  record(paste0(name, "_anova"), name, "anova(lm(Yield ~ factor(Batch)))",
         anova_numbers(data$Yield, data$Batch), reml = FALSE)
  fit <- null_model(Yield ~ 1 + (1 | Batch), data, TRUE)
  record_lmer(paste0(name, "_null_reml"), name, fit, lrt_numbers(fit, data$Yield))
  fit <- null_model(Yield ~ 1 + (1 | Batch), data, FALSE)
  record_lmer(paste0(name, "_null_ml"), name, fit,
              c(lrt_numbers(fit, data$Yield), profile_numbers(fit)))
}
record("rail_anova", "rail", "anova(lm(travel ~ factor(Rail)))",
       anova_numbers(rail$travel, rail$Rail), reml = FALSE)
record_lmer("rail_null_reml", "rail", null_model(travel ~ 1 + (1 | Rail), rail, TRUE))
record_lmer("rail_null_ml", "rail", null_model(travel ~ 1 + (1 | Rail), rail, FALSE))

# ---- bdf: transfer
record_lmer("bdf_null_reml", "bdf", null_model(langPOST ~ 1 + (1 | schoolNR), bdf, TRUE))
fit <- null_model(langPOST ~ 1 + (1 | schoolNR), bdf, FALSE)
record_lmer("bdf_null_ml", "bdf", fit, c(
  list(se_joint = joint_se(fit, bdf$langPOST, bdf$schoolNR)), lrt_numbers(fit, bdf$langPOST)
))
record("bdf_anova", "bdf", "anova(lm(langPOST ~ factor(schoolNR)))",
       anova_numbers(bdf$langPOST, bdf$schoolNR), reml = FALSE)

write_record("hw1.R", c("lme4", "Matrix"))
