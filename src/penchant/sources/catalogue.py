"""The public data sets by name: terms, addresses, digests.

Digests are those that the publisher states beside the file; where none is stated there is none, and size and SHA-256
of what was read are recorded in `source.json` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penchant.errors import OptionError
from penchant.sources.amazon import amazon_2014, amazon_2018, amazon_2023
from penchant.sources.kuairec import kuairec
from penchant.sources.microlens import microlens
from penchant.sources.mind import mind
from penchant.sources.movielens import movielens
from penchant.sources.online_retail import online_retail
from penchant.sources.public_set import PublicSet, RemoteFile
from penchant.sources.recbole import recbole
from penchant.sources.s3rec import s3rec

_GROUPLENS: Final = (
    "GroupLens, University of Minnesota: for research, with acknowledgement in publications; no endorsement may be "
    "implied; no redistribution without separate permission; no commercial use without permission."
)
_HARPER: Final = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. ACM TiiS 5, 4: 19."
)
_REVIEWS: Final = (
    "No formal licence: the McAuley lab (UC San Diego) offers the data for research and asks for citation. Reviews are "
    "texts of their writers, product texts those of the sellers: do not redistribute."
)
_FILES: Final = "https://files.grouplens.org/datasets/movielens/"
_MCAULEY: Final = "https://mcauleylab.ucsd.edu/public_datasets/data/"
_SNAP: Final = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
_S3REC: Final = "https://raw.githubusercontent.com/RUCAIBox/CIKM2020-S3Rec/master/data/"


def _movielens(size: str, digest: str, home: str = "") -> PublicSet:
    archive = f"ml-{size}.zip"
    return PublicSet(
        name=f"movielens-{size}",
        title=f"MovieLens {size}",
        home=home or f"https://grouplens.org/datasets/movielens/{size}/",
        licence=_GROUPLENS,
        citation=_HARPER,
        by_hand=f"Download {archive} in a browser into a folder; it need not be unpacked.",
        convert=movielens,
        files=(RemoteFile(archive, _FILES + archive, digest),),
    )


_AMAZON: Final = (
    PublicSet(
        name="amazon-2014",
        title="Amazon reviews 2014, 5-core of one category",
        home="https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
        licence=_REVIEWS,
        citation="J. McAuley, C. Targett, J. Shi, A. van den Hengel. 2015. Image-based recommendations on styles and "
        "substitutes. SIGIR.",
        by_hand="Download reviews_CATEGORY_5.json.gz and meta_CATEGORY.json.gz into a folder.",
        convert=amazon_2014,
        files=(
            RemoteFile("reviews_{part}_5.json.gz", _SNAP + "reviews_{part}_5.json.gz"),
            RemoteFile("meta_{part}.json.gz", _SNAP + "meta_{part}.json.gz"),
        ),
        parts=("Beauty", "Toys_and_Games", "Sports_and_Outdoors"),
    ),
    PublicSet(
        name="amazon-2018",
        title="Amazon reviews 2018, 5-core of one category",
        home="https://nijianmo.github.io/amazon/",
        licence=_REVIEWS,
        citation="J. Ni, J. Li, J. McAuley. 2019. Justifying recommendations using distantly-labeled reviews and "
        "fine-grained aspects. EMNLP.",
        by_hand="Download CATEGORY_5.json.gz and meta_CATEGORY.json.gz into a folder.",
        convert=amazon_2018,
        files=(
            RemoteFile("{part}_5.json.gz", _MCAULEY + "amazon_v2/categoryFilesSmall/{part}_5.json.gz"),
            RemoteFile("meta_{part}.json.gz", _MCAULEY + "amazon_v2/metaFiles2/meta_{part}.json.gz"),
        ),
        parts=("All_Beauty", "Video_Games", "Books"),
    ),
    PublicSet(
        name="amazon-2023",
        title="Amazon reviews 2023, one category",
        home="https://amazon-reviews-2023.github.io/",
        licence=_REVIEWS,
        citation="Y. Hou, J. Li, Z. He, A. Yan, X. Chen, J. McAuley. 2024. Bridging language and items for retrieval "
        "and recommendation. arXiv:2403.03952.",
        by_hand="Download CATEGORY.jsonl.gz (reviews) and meta_CATEGORY.jsonl.gz (metadata) into a folder.",
        convert=amazon_2023,
        files=(
            RemoteFile("{part}.jsonl.gz", _MCAULEY + "amazon_2023/raw/review_categories/{part}.jsonl.gz"),
            RemoteFile("meta_{part}.jsonl.gz", _MCAULEY + "amazon_2023/raw/meta_categories/meta_{part}.jsonl.gz"),
        ),
        parts=("All_Beauty", "Video_Games", "Baby_Products"),
    ),
)

_OTHERS: Final = (
    PublicSet(
        name="mind",
        title="MIND, Microsoft news",
        home="https://msnews.github.io/",
        licence="Microsoft Research License Terms: for research, not commercial; agree to them on the home page.",
        citation="F. Wu et al. 2020. MIND: A Large-scale Dataset for News Recommendation. ACL.",
        by_hand="Agree to the terms on the home page, download MINDsmall_train.zip and MINDsmall_dev.zip (or the large "
        "ones) into a folder; they need not be unpacked.",
        convert=mind,
    ),
    PublicSet(
        name="microlens",
        title="MicroLens, short videos",
        home="https://github.com/westlake-repl/MicroLens",
        licence="Westlake University: for non-commercial research; read the terms on the home page.",
        citation="Y. Ni et al. 2023. A Content-Driven Micro-Video Recommendation Dataset at Scale. arXiv:2309.15379.",
        by_hand="Download MicroLens-50k_pairs.csv (or 100k) and the file of titles into a folder.",
        convert=microlens,
    ),
    PublicSet(
        name="kuairec",
        title="KuaiRec 2.0, short videos of Kuaishou",
        home="https://kuairec.com/",
        licence="CC BY-SA 4.0, as stated on the home page: credit the authors, share alike.",
        citation="C. Gao et al. 2022. KuaiRec: A Fully-observed Dataset and Insights for Evaluating Recommender "
        "Systems. CIKM.",
        by_hand="Download KuaiRec.zip into a folder, and kuairec_caption_category.csv beside it if the zip lacks it.",
        convert=kuairec,
        parts=("big_matrix", "small_matrix"),
    ),
    PublicSet(
        name="online-retail",
        title="Online Retail (UCI)",
        home="https://archive.ics.uci.edu/dataset/352/online+retail",
        licence="CC BY 4.0: credit the authors.",
        citation="D. Chen, S. L. Sain, K. Guo. 2012. Data mining for the online retail industry. Journal of Database "
        "Marketing and Customer Strategy Management 19, 3. Data: doi 10.24432/C5BW33.",
        by_hand="Download the sheet (Online Retail.xlsx) and save it as CSV (UTF-8) in a folder of its own.",
        convert=online_retail,
    ),
    PublicSet(
        name="recbole",
        title="A data set in RecBole's atomic files",
        home="https://recbole.io/dataset_list.html",
        licence="That of the original data set, which the list on the home page names.",
        citation="W. X. Zhao et al. 2021. RecBole: Towards a Unified, Comprehensive and Efficient Framework for "
        "Recommendation Algorithms. CIKM.",
        by_hand="Download the .inter file and, where there are, the .item, .user and .net files into a folder.",
        convert=recbole,
    ),
    PublicSet(
        name="s3rec",
        title="S3-Rec's sequences (Amazon 2014 and others)",
        home="https://github.com/RUCAIBox/CIKM2020-S3Rec",
        licence="The repository states none; the reviews are for research (see amazon-2014): do not redistribute.",
        citation="K. Zhou et al. 2020. S3-Rec: Self-Supervised Learning for Sequential Recommendation with Mutual "
        "Information Maximization. CIKM.",
        by_hand="Download NAME.txt and NAME_item2attributes.json from the folder data into a folder.",
        convert=s3rec,
        files=(
            RemoteFile("{part}.txt", _S3REC + "{part}.txt"),
            RemoteFile("{part}_item2attributes.json", _S3REC + "{part}_item2attributes.json"),
        ),
        parts=("Beauty", "Toys_and_Games", "Sports_and_Outdoors"),
    ),
)

PUBLIC_SETS: Final[Mapping[str, PublicSet]] = {
    entry.name: entry
    for entry in (
        _movielens("100k", "md5:0e33842e24a9c977be4e0107933c0723"),
        _movielens("1m", "md5:c4d9eecfca2ab87c1945afe126590906"),
        _movielens("10m", "md5:ce571fd55effeba0271552578f2648bd"),
        _movielens("20m", "md5:cd245b17a1ae2cc31bb14903e1204af3"),
        _movielens("25m", "md5:6b51fb2759a8657d3bfcbfc42b592ada"),
        _movielens("32m", "md5:d472be332d4daa821edc399621853b57"),
        _movielens("latest-small", "", "https://grouplens.org/datasets/movielens/latest/"),
        *_AMAZON,
        *_OTHERS,
    )
}
"""Name → data set, in the order in which they are listed."""


def public_set(name: str) -> PublicSet:
    """A data set by name. Raises `OptionError` that names the nearest.

    >>> public_set("movielens-1m").files[0].name
    'ml-1m.zip'
    """
    if name not in PUBLIC_SETS:
        raise OptionError("name", name, allowed=PUBLIC_SETS)
    return PUBLIC_SETS[name]
