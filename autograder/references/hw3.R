# References of homework 3, random slopes: lme4 on the CSV files of data/.
# Writes the "fits" of hw3.json; run it with `python -m autograder.references hw3 --r`.

source("record.R")

exam <- dataset("exam", "school")
hsb <- dataset("hsb", "school")
hsb$sector <- factor(hsb$sector, c("Public", "Catholic"))
published <- dataset("hsb_original", "School")
published$CSES <- published$SES - published$MEANSES
published$Catholic <- as.numeric(published$Sector == "Catholic")
bdf <- dataset("bdf", "schoolNR")
bdf$iq <- bdf$IQ_verb - mean(bdf$IQ_verb)

model <- function(formula, data, reml) {
  fit <- lmer(formula, data, REML = reml, control = tight())
  fit@call$formula <- formula
  fit
}

# One entry of "fits" for a model with one grouping factor and any random part
record_slopes <- function(key, data, fit, extra = list()) {
  beta <- fixef(fit)
  se <- sqrt(diag(as.matrix(vcov(fit))))
  numbered <- function(prefix, values) {
    setNames(as.list(unname(values)), paste0(prefix, seq_along(values)))
  }
  spread <- as.data.frame(VarCorr(fit))
  single <- is.na(spread$var2) & spread$grp != "Residual"
  both <- !is.na(spread$var2)
  problems <- fit@optinfo$conv$lme4$messages
  record(
    key, data, paste(deparse1(fit@call$formula), if (isREML(fit)) "REML" else "ML"),
    c(numbered("beta", beta), numbered("se", se), numbered("psi", spread$vcov[single]),
      if (any(both)) list(cov = spread$vcov[both], corr = spread$sdcor[both]),
      list(sigma2 = sigma(fit)^2,
           criterion = if (isREML(fit)) REMLcrit(fit) else -2 * c(logLik(fit)),
           llf = c(logLik(fit))), extra),
    reml = isREML(fit), optimizer = "bobyqa rhoend 1e-9",
    converged = fit@optinfo$conv$opt == 0 && length(problems) == 0, singular = isSingular(fit)
  )
}

# Likelihood-ratio test of a random slope with the half-and-half mixture of chi-squares
slope_test <- function(fit0, fit1) {
  stat <- 2 * (c(logLik(fit1)) - c(logLik(fit0)))
  tail <- function(df) pchisq(stat, df, lower.tail = FALSE)
  list(lrt = stat, lrt_p = (tail(1) + tail(2)) / 2)
}

# What the variances say about units with x = -2, -1, 0, 1, 2
variance_function <- function(fit) {
  Psi <- VarCorr(fit)[[1]]
  z <- function(x) c(1, x)
  between <- function(x1, x2) c(z(x1) %*% Psi %*% z(x2))
  total <- function(x) between(x, x) + sigma(fit)^2
  values <- c(-2, -1, 0, 1, 2)
  names <- c("m2", "m1", "0", "1", "2")
  c(setNames(lapply(values, total), paste0("var_at_", names)),
    setNames(lapply(values, function(x) between(x, x) / total(x)), paste0("icc_at_", names)),
    list(corr_m1_1 = between(-1, 1) / sqrt(total(-1) * total(1)),
         lowest_x = -Psi[1, 2] / Psi[2, 2]))
}

range_numbers <- function(fit) {
  beta <- fixef(fit)[[2]]
  sd <- sqrt(VarCorr(fit)[[1]][2, 2])
  list(range_low = beta - qnorm(0.975) * sd, range_high = beta + qnorm(0.975) * sd,
       p_negative = pnorm(-beta / sd))
}

# Empirical Bayes predictions and comparative standard errors of some schools
school_numbers <- function(fit, schools) {
  predicted <- ranef(fit, condVar = TRUE)[[1]]
  variance <- attr(predicted, "postVar")
  one <- function(school) {
    values <- c(unlist(predicted[school, ]),
                sqrt(diag(variance[, , match(school, rownames(predicted))])))
    setNames(as.list(unname(values)), paste0(c("zeta1_", "zeta2_", "se1_", "se2_"), school))
  }
  do.call(c, lapply(schools, one))
}

# lme4's own criterion at a theta that is not the minimum
record_criterion <- function(key, data, formula, frame, reml, theta) {
  criterion <- lmer(formula, frame, REML = reml, devFunOnly = TRUE)(theta)
  record(key, data, sprintf("lmer(%s, %s, devFunOnly = TRUE)(%s)", deparse1(formula),
                            if (reml) "REML" else "ML", paste(theta, collapse = ", ")),
         list(criterion = criterion), reml = reml)
}

# ---- Exam, by maximum likelihood
lines <- sapply(split(exam, exam$school), function(d) coef(lm(normexam ~ standLRT, d)))
size <- as.vector(table(exam$school))
deviation <- lines - fixef(model(normexam ~ standLRT + (standLRT | school), exam, FALSE))
record("exam_lines", "exam", "lm(normexam ~ standLRT) in each school",
       list(slope_59 = lines[2, "59"], slope_48 = lines[2, "48"],
            slope_variance = var(lines[2, size >= 5]), slope_variance_all = var(lines[2, ]),
            ols_deviation1_59 = deviation[1, "59"], ols_deviation2_59 = deviation[2, "59"]),
       reml = FALSE)
record("exam_pooled", "exam", "lm(normexam ~ standLRT)",
       list(criterion_ml = -2 * c(logLik(lm(normexam ~ standLRT, exam)))), reml = FALSE)
record_criterion("exam_criterion_a", "exam", normexam ~ standLRT + (standLRT | school), exam,
                 FALSE, c(0.5, 0.2, 0.1))
record_criterion("exam_criterion_3", "exam",
                 normexam ~ standLRT + (standLRT + I(standLRT^2) | school), exam,
                 FALSE, c(0.4, 0.1, -0.05, 0.2, 0.03, 0.08))
exam_ri <- model(normexam ~ standLRT + (1 | school), exam, FALSE)
record_slopes("exam_null_ml", "exam", model(normexam ~ 1 + (1 | school), exam, FALSE))
record_slopes("exam_ri_ml", "exam", exam_ri)
exam_rs <- model(normexam ~ standLRT + (standLRT | school), exam, FALSE)
record_slopes("exam_rs_ml", "exam", exam_rs, c(
  slope_test(exam_ri, exam_rs), variance_function(exam_rs), range_numbers(exam_rs),
  school_numbers(exam_rs, c("1", "28", "48", "53", "59"))
))
record_slopes("exam_rs_low_ml", "exam",
              model(normexam ~ standLRT + (I(standLRT + 2) | school), exam, FALSE))
record_slopes("exam_uncorrelated_ml", "exam",
              model(normexam ~ standLRT + (1 | school) + (0 + standLRT | school), exam, FALSE))
record_slopes("exam_uncorrelated_low_ml", "exam", model(
  normexam ~ standLRT + (1 | school) + (0 + I(standLRT + 2) | school), exam, FALSE))
for (part in list(c("ri", "(1 | school)"), c("rs", "(standLRT | school)"))) {
  fit <- model(as.formula(paste("normexam ~ standLRT * schavg +", part[2])), exam, FALSE)
  t <- unname(fixef(fit) / sqrt(diag(as.matrix(vcov(fit)))))
  record_slopes(paste0("exam_cross_", part[1], "_ml"), "exam", fit, list(t4 = t[4]))
}

# ---- High School and Beyond, by REML
record_criterion("hsb_rs_criterion_a", "hsb", mAch ~ cses + (cses | school), hsb,
                 TRUE, c(0.5, 0.1, 0.2))
hsb_ri <- model(mAch ~ cses + (1 | school), hsb, TRUE)
hsb_rs <- model(mAch ~ cses + (cses | school), hsb, TRUE)
record_slopes("hsb_ri_reml", "hsb", hsb_ri)
record_slopes("hsb_rs_reml", "hsb", hsb_rs, c(slope_test(hsb_ri, hsb_rs), range_numbers(hsb_rs)))
record_slopes("hsb_raw_reml", "hsb", model(mAch ~ ses + (ses | school), hsb, TRUE))
hsb_full <- mAch ~ cses * meanses + cses * sector
record_slopes("hsb_full_reml", "hsb", model(update(hsb_full, . ~ . + (cses | school)), hsb, TRUE),
              slope_test(model(update(hsb_full, . ~ . + (1 | school)), hsb, TRUE),
                         model(update(hsb_full, . ~ . + (cses | school)), hsb, TRUE)))

# ---- The published tables 4.4 and 4.5 of Raudenbush and Bryk (2002)
table_44 <- model(MathAch ~ CSES + (CSES | School), published, TRUE)
record_slopes("table_44_reml", "hsb_original", table_44)
full <- MathAch ~ MEANSES + Catholic + CSES + MEANSES:CSES + Catholic:CSES
table_45 <- model(update(full, . ~ . + (CSES | School)), published, TRUE)
table_45_ri <- model(update(full, . ~ . + (1 | School)), published, TRUE)
record_slopes("table_45_reml", "hsb_original", table_45, c(
  slope_test(table_45_ri, table_45),
  list(slope_share = 1 - VarCorr(table_45)[[1]][2, 2] / VarCorr(table_44)[[1]][2, 2],
       intercept_share = 1 - VarCorr(table_45)[[1]][1, 1] / VarCorr(table_44)[[1]][1, 1])
))
record_slopes("table_45_ri_reml", "hsb_original", table_45_ri)

# ---- bdf, by maximum likelihood: transfer
bdf_ri <- model(langPOST ~ iq + (1 | schoolNR), bdf, FALSE)
bdf_rs <- model(langPOST ~ iq + (iq | schoolNR), bdf, FALSE)
record_slopes("bdf_ri_ml", "bdf", bdf_ri)
record_slopes("bdf_rs_ml", "bdf", bdf_rs,
              c(slope_test(bdf_ri, bdf_rs), variance_function(bdf_rs), range_numbers(bdf_rs)))

write_record("hw3.R", c("lme4", "Matrix"))
