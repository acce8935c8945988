# What the reference scripts share: reading a registered data set, recording a fit with all that is
# needed to judge it later, and writing the JSON file.
# A script is run by `python -m autograder.references NAME --r`, with this folder as working
# directory and the file to write as its argument.

suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
  library(digest)
})

data_folder <- file.path("..", "..", "data")
# lme4's default optimiser stops at about five digits
tight <- function(...) {
  lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9),
              check.conv.singular = "ignore", ...)
}
fits <- list()

dataset_file <- function(name) file.path(data_folder, paste0(name, ".csv"))

# labels and factors as text, as hlmtools.load_dataset has them
dataset <- function(name, text = character()) {
  read.csv(dataset_file(name), colClasses = setNames(rep("character", length(text)), text))
}

# One entry of "fits": `numbers` is a named list of single numbers.
record <- function(key, data, call, numbers, reml, optimizer = "closed form",
                   converged = TRUE, singular = FALSE) {
  fits[[key]] <<- list(
    call = call, data = data, sha256 = digest(file = dataset_file(data), algo = "sha256"),
    reml = reml, optimizer = optimizer, converged = converged, singular = singular,
    numbers = lapply(numbers, signif, digits = 12)
  )
}

# A random-intercept model of lme4 with its usual numbers, and more where `extra` gives them.
record_lmer <- function(key, data, fit, extra = list()) {
  spread <- as.data.frame(VarCorr(fit))$vcov
  problems <- fit@optinfo$conv$lme4$messages
  record(
    key, data, paste0("lmer(", deparse1(fit@call$formula), ", REML = ", isREML(fit), ")"),
    c(list(beta = unname(fixef(fit))[1], se = sqrt(vcov(fit)[1, 1]),
           psi = spread[1], sigma2 = spread[2], icc = spread[1] / sum(spread),
           criterion = if (isREML(fit)) REMLcrit(fit) else -2 * c(logLik(fit)),
           llf = c(logLik(fit))), extra),
    reml = isREML(fit), optimizer = "bobyqa rhoend 1e-9",
    converged = fit@optinfo$conv$opt == 0 && length(problems) == 0, singular = isSingular(fit)
  )
}

write_record <- function(script, packages) {
  versions <- lapply(setNames(packages, packages), function(p) as.character(packageVersion(p)))
  provenance <- c(
    list(script = script, date = as.character(Sys.Date()),
         R = paste(R.version$major, R.version$minor, sep = ".")), versions
  )
  write_json(list(provenance = provenance, fits = fits),
             commandArgs(trailingOnly = TRUE)[1],
             auto_unbox = TRUE, digits = NA, pretty = TRUE)
}
