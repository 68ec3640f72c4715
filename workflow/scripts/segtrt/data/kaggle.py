"""Names of the Kaggle data set, and where its archive holds the images."""

HANDLE = "mateuszbuda/lgg-mri-segmentation"
"""The data set's name on Kaggle."""

TREE = "kaggle_3m"
"""Name of the folder that holds the subjects in the published archive."""

COPY = "lgg-mri-segmentation"
"""Folder of the published archive that holds the second copy of `TREE`."""
