from django.urls import path, re_path

from classifier.api import problems
from classifier.api.endpoints import api
from classifier.views import account, history, home, hooks_page, images, keys_page, metrics, reports

urlpatterns = [
    path("", home.home, name="home"),
    path("images/<uuid:uuid>/", images.image, name="image"),
    path("images/<uuid:uuid>/status/", images.image_status, name="image_status"),
    path("images/<uuid:uuid>/card/", images.image_card, name="image_card"),
    path("images/<uuid:uuid>/heat-toggle/", images.image_heat_toggle, name="image_heat_toggle"),
    path("images/<uuid:uuid>/again/", images.image_again, name="image_again"),
    path("images/<uuid:uuid>/delete/", images.image_delete, name="image_delete"),
    path("images/<uuid:uuid>/consent/", images.image_consent, name="image_consent"),
    path("images/<uuid:uuid>/dispute/", images.image_dispute, name="image_dispute"),
    path("images/<uuid:uuid>/dispute/withdraw/", images.image_dispute_withdraw, name="image_dispute_withdraw"),
    *(
        path(f"images/<uuid:uuid>/{kind}", images.image_file, {"kind": kind}, name=f"image_{kind}")
        for kind in ("thumbnail", "display", "heat", "original")
    ),
    path("images/<uuid:uuid>/report.json", reports.report_json, name="report_json"),
    path("images/<uuid:uuid>/report.pdf", reports.report_pdf, name="report_pdf"),
    path("images/<uuid:uuid>/share/", reports.image_share, name="image_share"),
    path("images/<uuid:uuid>/unshare/", reports.image_unshare, name="image_unshare"),
    path("shared/<str:token>/", reports.shared, name="shared"),
    path("shared/<str:token>/preview.jpg", reports.shared_preview, name="shared_preview"),
    path("shared/<str:token>/report.pdf", reports.shared_pdf, name="shared_pdf"),
    path("history/", history.history, name="history"),
    path("history/delete/", history.history_delete, name="history_delete"),
    path("history/again/", history.history_again, name="history_again"),
    path("history/tag/", history.history_tag, name="history_tag"),
    path("history/untag/", history.history_untag, name="history_untag"),
    path("history/images.csv", history.history_csv, name="history_csv"),
    path("compare/", history.compare, name="compare"),
    path("metrics/", metrics.metrics, name="metrics"),
    path("invitation/<str:token>/", account.invitation, name="invitation"),
    path("account/data/", account.my_data, name="my_data"),
    path("account/tokens/", keys_page.api_tokens, name="api_tokens"),
    path("account/tokens/<int:number>/revoke/", keys_page.api_token_revoke, name="api_token_revoke"),
    path("account/webhooks/", hooks_page.webhooks, name="webhooks"),
    path("account/webhooks/<int:number>/", hooks_page.webhook, name="webhook"),
    path("account/webhooks/<int:number>/test/", hooks_page.webhook_test, name="webhook_test"),
    path("account/webhooks/<int:number>/switch/", hooks_page.webhook_switch, name="webhook_switch"),
    path("account/webhooks/<int:number>/delete/", hooks_page.webhook_delete, name="webhook_delete"),
    path(
        "account/webhooks/<int:number>/deliveries/<int:delivery>/replay/",
        hooks_page.webhook_replay,
        name="webhook_replay",
    ),
    path("account/delete/", account.delete_account, name="delete_account"),
    path("api/v1/", api.urls),
    re_path("^api/", problems.not_found, name="api_not_found"),
]
