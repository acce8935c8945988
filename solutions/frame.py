# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""What stands before and after every homework; `hlm build` puts the id in place of hw0."""

# %% tags=["before"]
# %load_ext autoreload
# %autoreload 2
# %load_ext hlmtools.check
import otter

from hlmtools import check

grader = otter.Notebook()

# %% [markdown] tags=["after"]
# ## Hand in
# Run all cells from the top (menu *Run*, *Restart Kernel and Run All Cells*).
# Read what the checks say, then save the notebook.
# The cell below writes `hw0-submission.zip` and lists what went in: the notebook and your module.
# Hand in that one file.
# If a cell stops with an error, the cells after it do not run: run this last cell by itself.
# You may hand in unfinished work, and hand in again; the last file counts.

# %% tags=["after"]
check.hand_in(grader, "hw0")
