# Times of lme4 for tests/benchmarks/engine.py: one process that times itself.
# Arguments: folder of the data sets, folder for what it writes, repetitions, 1 for the small part.
suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
})
arguments <- commandArgs(trailingOnly = TRUE)
repetitions <- as.integer(arguments[3])
read <- function(name, text) {
  read.csv(file.path(arguments[1], paste0(name, ".csv")), colClasses = setNames("character", text))
}
found <- list()

timed <- function(key, call, times = repetitions) {
  seconds <- numeric()
  for (k in seq_len(times)) {
    gc(FALSE)
    seconds[k] <- system.time(fit <- call())[["elapsed"]]
  }
  found[[key]] <<- list(seconds = min(seconds), deviance = if (isREML(fit)) REMLcrit(fit) else
    -2 * c(logLik(fit)))
}

hsb <- read("hsb", "school")
sleepstudy <- read("sleepstudy", "Subject")
contraception <- read("contraception", "district")
timed("hsb", function() lmer(mAch ~ cses + (cses | school), hsb))
timed("sleepstudy", function() lmer(Reaction ~ Days + (Days | Subject), sleepstudy))
use <- use ~ urban + age + livch + (1 | district)
timed("agq25", function() glmer(use, contraception, binomial, nAGQ = 25))
timed("laplace", function() glmer(use, contraception, binomial))

if (arguments[4] == "0") {
  crossed <- InstEval[c("s", "d", "service", "y")]
  write.csv(crossed, file.path(arguments[2], "insteval.csv"), row.names = FALSE, quote = FALSE)
  timed("crossed", function() lmer(y ~ service + (1 | s) + (1 | d), crossed), times = 1)
}
write_json(found, file.path(arguments[2], "lme4.json"), auto_unbox = TRUE, digits = NA)
