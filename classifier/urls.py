from django.urls import path

from classifier import views

urlpatterns = [
    path("", views.home, name="home"),
    path("images/<uuid:uuid>/", views.image, name="image"),
    path("images/<uuid:uuid>/status/", views.image_status, name="image_status"),
    path("images/<uuid:uuid>/card/", views.image_card, name="image_card"),
    path("images/<uuid:uuid>/retry/", views.image_retry, name="image_retry"),
    path("images/<uuid:uuid>/delete/", views.image_delete, name="image_delete"),
    *(
        path(f"images/<uuid:uuid>/{kind}", views.image_file, {"kind": kind}, name=f"image_{kind}")
        for kind in ("thumbnail", "display", "original")
    ),
    path("history/", views.history, name="history"),
    path("history/delete/", views.history_delete, name="history_delete"),
    path("metrics/", views.metrics, name="metrics"),
    path("metrics/<str:version>/<slug:name>.svg", views.metrics_plot, name="metrics_plot"),
    path("account/delete/", views.delete_account, name="delete_account"),
    path("healthz", views.health, name="health"),
]
