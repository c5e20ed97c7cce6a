"""The tests of the shop: ``python manage.py test``."""

from django.contrib.auth import get_user_model
from django.test import TestCase

from haoma.integrations.django.testing import simulated_phones


class LoginTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.phones = cls.enterClassContext(simulated_phones())

    def tap(self, platform, **person):
        tap = self.phones.tap(platform, **person)
        return self.client.post(tap.path, tap.body, content_type="application/json")

    def test_orders_after_a_tap(self):
        token = self.tap("wechat").json()["token"]
        answer = self.client.get("/orders", headers={"authorization": f"Token {token}"})
        self.assertEqual(answer.json(), {"user": get_user_model().objects.get().pk, "orders": []})

    def test_one_person_on_two_platforms(self):
        tokens = [self.tap(name, user="anna", number="13800138000").json()["token"] for name in ("wechat", "kuaishou")]
        self.assertEqual(tokens[0], tokens[1])

    def test_a_captured_envelope_takes_nothing_over(self):
        self.tap("wechat", user="anna", number="13800138000")
        self.assertEqual(self.tap("alipay", user="thief", number="13800138000").status_code, 409)

    def test_somebody_who_declines(self):
        self.assertEqual(self.tap("wechat", scene="denied").json()["next"], "ask-again")
