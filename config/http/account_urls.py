"""/accounts/: the addresses of allauth that Podium has pages for.

Left out is what needs mail (a forgotten password, addresses to confirm) and sign-up: people come by invitation. allauth
leaves out its links to what can't be reversed.
"""

from allauth.account import views
from django.urls import include, path

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),  # for who has none
    path("2fa/", include("allauth.mfa.urls")),
]
