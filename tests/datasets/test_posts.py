import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.datasets.text.posts import LENGTHS, Posts, vocabulary

N = 70


@pytest.fixture
def posts():
    """Post i says its number `lengths[i]` times; even ones have their first token as rationale."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, N)
    tokens = [[str(i)] * m for i, m in enumerate(lengths)]
    marks = [[1] + [0] * (m - 1) if i % 2 == 0 else None for i, m in enumerate(lengths)]
    return Posts.from_lists(tokens, np.arange(N) % 3, marks)


def numbers(batch):
    """The numbers of the posts in a batch; checks that their parts belong together."""
    tokens, targets = (tf.nest.map_structure(lambda x: x.numpy(), part) for part in batch)
    found = np.array([int(row[0]) for row in tokens])
    np.testing.assert_array_equal(targets["label"], found % 3)
    np.testing.assert_array_equal(targets["focus"].sum(axis=1), found % 2 == 0)
    assert targets["focus"].shape == tokens.shape and tokens.shape[1] in LENGTHS
    assert all(set(row[row != b""]) == {b"%d" % i} for row, i in zip(tokens, found))
    return found


def orders(dataset):
    return [numbers(batch) for batch in dataset]


def test_in_order(posts):
    dataset = posts.dataset(16)
    np.testing.assert_array_equal(np.concatenate(orders(dataset)), np.arange(N))
    assert len(dataset) == 5 and len(posts.dataset(16, drop_remainder=True)) == 4
    np.testing.assert_array_equal(posts.has_rationale, np.arange(N) % 2 == 0)


def test_a_post_alone_has_no_padding(posts):
    for i, (tokens, targets) in enumerate(posts.dataset()):
        assert tokens.shape == targets["focus"].shape == (posts.lengths[i],)
        assert targets["label"] == i % 3
    assert sorted(int(t[0]) for t, _ in posts.dataset(shuffle=True)) == list(range(N))


@pytest.mark.parametrize("drop", [False, True])
def test_a_shuffled_pass_has_every_post_once_and_is_another_order_each_time(posts, drop):
    dataset = posts.dataset(16, shuffle=True, seed=1, drop_remainder=drop)
    passes = [np.concatenate(orders(dataset)) for _ in range(2)]
    assert len(dataset) == (4 if drop else 5)
    for one in passes:
        assert len(set(one)) == len(one) == (64 if drop else N)
    assert (passes[0] != passes[1]).any()
    again = posts.dataset(16, shuffle=True, seed=1, drop_remainder=drop)
    np.testing.assert_array_equal(np.concatenate(orders(again)), passes[0])
    other = posts.dataset(16, shuffle=True, seed=2, drop_remainder=drop)
    assert (np.concatenate(orders(other)) != passes[0]).any()


def test_shuffled_batches_are_of_about_one_length(posts):
    """Four batches are one pool: sorted by length as a whole."""
    lengths = [posts.lengths[rows] for rows in orders(posts.dataset(16, True, drop_remainder=True))]
    lengths.sort(key=np.min)
    for shorter, longer in zip(lengths, lengths[1:]):
        assert shorter.max() <= longer.min()


@pytest.mark.parametrize("first", [1, 4, 6, 9])
def test_endless_batches_go_on_where_they_were_broken_off(posts, first):
    def batches(first_step, count):
        return orders(posts.endless(16, seed=3, first_step=first_step).take(count))

    unbroken = batches(0, 12)
    np.testing.assert_array_equal(batches(first, 12 - first), unbroken[first:])
    epochs = np.reshape(unbroken, (3, -1))
    assert all(len(set(epoch)) == 64 for epoch in epochs)
    assert (epochs[0] != epochs[1]).any()


def test_shapes_are_known_but_for_the_length(posts):
    tokens, targets = posts.endless(16).element_spec
    assert tokens == tf.TensorSpec((16, None), tf.string)
    assert targets["focus"].shape.as_list() == [16, None]


@pytest.mark.parametrize(
    ("longest", "m"), [(0, 8), (8, 8), (9, 16), (64, 64), (65, 128), (1000, 1024)]
)
def test_padded_lengths_are_few(longest, m):
    posts = Posts.from_lists([["a"] * longest, []], [0, 1], [None, None])
    ((tokens, targets),) = posts.dataset(2)
    assert tokens.shape == targets["focus"].shape == (2, m)


def test_encoded_posts_are_padded_with_0(posts):
    encoded = posts.encoded(lambda tokens: tf.strings.to_number(tokens, tf.int64) + 2)
    ids, _ = next(iter(encoded.dataset(N)))
    tokens, _ = next(iter(posts.dataset(N)))
    expected = np.where(tokens == b"", b"-2", tokens.numpy()).astype(int) + 2
    assert ids.dtype == tf.int32
    np.testing.assert_array_equal(ids, expected)


def test_head_and_rows(posts):
    assert len(posts.head(3)) == 3 and len(posts.head(1000)) == N
    (batch,) = posts.rows([4, 2]).dataset(2)
    assert numbers(batch).tolist() == [4, 2]


@pytest.mark.parametrize("size", [0, N + 1])
def test_batch_size_out_of_range(posts, size):
    with pytest.raises(ValueError, match=f"^batch_size is {size}, expected 1 to 70, the posts the"):
        posts.endless(size)


def test_vocabulary_is_by_frequency():
    posts = Posts.from_lists(
        [["Tea", "tea", "", "soup"], ["soup", "bird", "é", "É"]], [0, 1], [None] * 2
    )
    assert vocabulary(posts) == ["soup", "tea", "é", "bird"]
    assert vocabulary(posts, min_count=2) == ["soup", "tea", "é"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": ["a b c", ["d"]]}, "post 0 is 'a b c', expected a list of its tokens, such as"),
        ({"tokens": [["a"], b"d"]}, "post 1 is b'd', expected a list of its tokens, such as dat"),
        ({"tokens": [["a"], None]}, "post 1 is None, expected a list of its tokens"),
        ({"tokens": [["a"], ["b", 7]]}, "post 1 has the token 7, expected a string that UTF-8 can"),
        ({"tokens": [["a"], ["\ud800"]]}, "post 1 has the token .*, expected a string that UTF-8"),
        ({"labels": [0, 1.7]}, r"labels are float64 \(2,\), expected class ids from 0"),
        ({"labels": [0, -1]}, "a label is -1, expected class ids from 0$"),
        ({"labels": ["neg", "pos"]}, r"labels are <U3 \(2,\), expected class ids from 0"),
        ({"labels": [[0, 1], [1, 0]]}, r"labels are int64 \(2, 2\), expected class ids from 0"),
        ({"labels": 1}, r"labels are int64 \(\), expected class ids from 0"),
        ({"labels": [0]}, "there are 2 posts and 1 labels, expected as many$"),
        ({"rationales": [None]}, "there are 2 posts and 1 rationales, expected as many$"),
        ({"rationales": [None, [1, 0]]}, r"rationale of post 1 has shape \(2,\), expected \(1,\)$"),
        ({"rationales": [[1], [0.67]]}, "rationale of post 1 has 0.67, expected 0 or 1 a token$"),
        ({"rationales": [[np.nan], [1]]}, "rationale of post 0 has nan, expected 0 or 1 a token$"),
        ({"rationales": [None, [-1]]}, "rationale of post 1 has -1, expected 0 or 1 a token$"),
        ({"rationales": [["1"], [1]]}, "rationale of post 0 has '1', expected 0 or 1 a token$"),
    ],
)
def test_bad_posts_are_refused_in_a_line(change, message):
    with pytest.raises(ValueError, match=f"^{message}") as error:
        Posts.from_lists(**{"tokens": [["a"], ["d"]], "labels": [0, 1]} | change)
    assert "\n" not in str(error.value)


def test_zeros_and_ones_may_be_of_any_type():
    marks = [[0, 1], [False, True], np.array([0.0, 1.0], "float32"), np.array([0, 1], "uint8")]
    posts = Posts.from_lists([["a", "b"]] * 4, [0, 1, 0, 1], marks)
    assert posts.rationales.to_list() == [[0, 1]] * 4


def test_posts_need_no_rationales():
    posts = Posts.from_lists([np.array(["a", "b"]), ("c",)], [0, 1])
    assert posts.rationales.to_list() == [[0, 0], [0]] and not posts.has_rationale.any()
