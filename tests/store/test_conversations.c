/* Conversations: turns come back as they were asked, in order, and go with what
 * they belong to. */

#include "tests/support.h"

#include "store/db.h"
#include "tests/store/library.h"

static int64_t put_turn(store *s, int64_t conversation, const char *question)
{
	turn_row t = { .conversation = conversation, .question = (char *)(uintptr_t)question, .answer = "an answer\xff",
	               .sources_json = "[]", .settings_json = "{\"budget\":0.125}", .took_ms = 1234 };

	OK(store_put_turn(s, &t, &err));
	assert_true(t.id > 0 && t.asked > 0);
	return t.id;
}

static void keeps_turns_in_order(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1), c;
	turn_row *t;
	int n;

	OK(store_new_conversation(&c, l->s, d, "first?", &err));
	put_turn(l->s, c, "first?");
	put_turn(l->s, c, "second?");
	store_close(l->s);
	OK(store_open(&l->s, l->home, &err));
	OK(store_list_turns(&t, &n, l->s, c, &err));
	assert_int_equal(n, 2);
	assert_string_equal(t[0].question, "first?");
	assert_string_equal(t[1].question, "second?");
	assert_string_equal(t[1].answer, "an answer\xff");
	assert_string_equal(t[1].sources_json, "[]");
	assert_string_equal(t[1].settings_json, "{\"budget\":0.125}");
	assert_int_equal(t[1].took_ms, 1234);
	assert_int_equal(t[1].conversation, c);
	turn_rows_free(t, n);
	OK(store_list_turns(&t, &n, l->s, c + 1, &err));
	assert_int_equal(n, 0);
	turn_rows_free(t, n);
}

static void forgets_from_a_turn_on(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1), c, other;
	turn_row *t;
	int n;

	OK(store_new_conversation(&c, l->s, d, "x", &err));
	OK(store_new_conversation(&other, l->s, d, "y", &err));
	put_turn(l->s, c, "1");
	int64_t second = put_turn(l->s, c, "2");
	put_turn(l->s, other, "kept");
	int64_t third = put_turn(l->s, c, "3");
	OK(store_rewind_turns(l->s, c, second, &err));
	OK(store_list_turns(&t, &n, l->s, c, &err));
	assert_int_equal(n, 1);
	turn_rows_free(t, n);
	OK(store_list_turns(&t, &n, l->s, other, &err));
	assert_int_equal(n, 1);
	turn_rows_free(t, n);
	assert_true(put_turn(l->s, c, "2 again") > third);
}

static void lists_conversations(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1), e = document_put(l->s, "/b", "b", HASH_1), one, two;
	conversation_row *r;
	int n;

	OK(store_new_conversation(&one, l->s, d, "one", &err));
	OK(store_new_conversation(&two, l->s, d, "two", &err));
	OK(db_run(l->s, &err, "UPDATE conversations SET used = used - 10", ""));
	put_turn(l->s, one, "?");
	put_turn(l->s, one, "??");
	OK(store_list_conversations(&r, &n, l->s, d, &err));
	assert_int_equal(n, 2);
	assert_int_equal(r[0].id, one); /* asked last */
	assert_int_equal(r[0].turns, 2);
	assert_int_equal(r[0].document, d);
	assert_string_equal(r[0].title, "?"); /* its first question as it is now */
	assert_string_equal(r[1].title, "two");
	assert_int_equal(r[1].turns, 0);
	conversation_rows_free(r, n);
	OK(store_list_conversations(&r, &n, l->s, e, &err));
	assert_int_equal(n, 0);
	conversation_rows_free(r, n);

	OK(store_remove_conversation(l->s, one, &err));
	assert_int_equal(store_remove_conversation(l->s, one, &err), ERR_NOTFOUND);
	turn_row *t;
	OK(store_list_turns(&t, &n, l->s, one, &err));
	assert_int_equal(n, 0);
	turn_rows_free(t, n);
	OK(store_check(l->s, &err));
}

static void needs_what_it_belongs_to(void **state)
{
	library *l = *state;
	int64_t c;
	turn_row t = { .conversation = 5, .question = "?" };

	assert_int_equal(store_new_conversation(&c, l->s, 77, "x", &err), ERR_NOTFOUND);
	assert_int_equal(store_put_turn(l->s, &t, &err), ERR_NOTFOUND);
	assert_int_equal(t.id, 0);
}

static void outlives_a_new_reading(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1), c;
	conversation_row *r;
	int n;

	OK(store_new_conversation(&c, l->s, d, "x", &err));
	assert_int_equal(document_put(l->s, "/a", "a", HASH_2), d);
	OK(store_list_conversations(&r, &n, l->s, d, &err));
	assert_int_equal(n, 1);
	conversation_rows_free(r, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)
		T(keeps_turns_in_order),
		T(forgets_from_a_turn_on),
		T(lists_conversations),
		T(needs_what_it_belongs_to),
		T(outlives_a_new_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
