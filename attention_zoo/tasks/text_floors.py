"""What a model of texts has to be better than: logistic regression on the TF-IDF of words."""

import itertools

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from attention_zoo import metrics
from attention_zoo._text import lower


def tf_idf_floors(splits, training):
    """Of each split accuracy and macro F1 of the regression, and FT of its word.

    The regression sees single words in lower case, fitted to the training posts alone. Its word of
    a post is the one that adds most to the score of the class that it says:

        argmax over words j of w_yj tfidf_j,  y = the predicted class

    Args:
        splits: `TextInfo` by name.
        training: the `TextInfo` to fit to.

    Returns:
        {"tf_idf_accuracy", "tf_idf_macro_f1", "tf_idf_focus_accuracy"} by split, the last where a
        post has a rationale; {} where there is nothing to learn.
    """
    words, labels = _words(training.source), training.source.labels
    if len(set(labels.tolist())) < 2 or not any(words):
        return {}
    vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
    x = vectorizer.fit_transform(words)
    model = LogisticRegression(max_iter=1000).fit(x, labels)
    return {name: _figures(model, vectorizer, split.source) for name, split in splits.items()}


def _words(posts):
    flat = lower(posts.strings.flat_values)
    return [[w.decode() for w in post] for post in posts.strings.with_flat_values(flat).to_list()]


def _figures(model, vectorizer, posts):
    words = _words(posts)
    x = vectorizer.transform(words)
    predicted = model.predict(x)
    found = {
        "tf_idf_accuracy": float(np.mean(predicted == posts.labels)),
        "tf_idf_macro_f1": metrics.macro_f1(posts.labels, _probabilities(model, x, posts.labels)),
    }
    hits = [
        marks[_chosen(added, vectorizer.vocabulary_, post)] > 0
        for added, post, marks in zip(
            _shares(model, x, predicted), words, posts.rationales.to_list(), strict=True
        )
        if any(marks)
    ]
    return found | ({"tf_idf_focus_accuracy": float(np.mean(hits))} if hits else {})


def _probabilities(model, x, labels):
    """(n, c), also of classes that the training posts lack."""
    classes = max(model.classes_.max(), labels.max()) + 1
    p = np.zeros((x.shape[0], classes))
    p[:, model.classes_] = model.predict_proba(x)
    return p


def _shares(model, x, predicted):
    """Of each post what each of its known words adds to the score of its class, by number."""
    weights = model.coef_ if len(model.coef_) > 1 else np.concatenate([-model.coef_, model.coef_])
    rows = np.repeat(np.searchsorted(model.classes_, predicted), np.diff(x.indptr))
    added = x.data * weights[rows, x.indices]
    return [
        dict(zip(x.indices[i:j].tolist(), added[i:j].tolist(), strict=True))
        for i, j in itertools.pairwise(x.indptr)
    ]


def _chosen(added, vocabulary, words):
    """The number of the word that adds most, the first of equals."""
    return int(np.argmax([added.get(vocabulary.get(word), -np.inf) for word in words]))
