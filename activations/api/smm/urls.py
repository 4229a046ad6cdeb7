"""The SMM paths of the native contract."""

from activations.api.smm import views
from config.api import route

V1 = "api/developer/v1/smm"

urlpatterns = [
    route(f"{V1}/services", views.Services.as_view(), "smm-services"),
    route(f"{V1}/services/{{service_id}}", views.ServiceDetail.as_view(), "smm-service"),
    route(f"{V1}/orders", views.Orders.as_view(), "smm-orders"),
    route(f"{V1}/orders/{{order_id}}", views.OrderDetail.as_view(), "smm-order"),
    route(f"{V1}/orders/{{order_id}}/cancel", views.Cancel.as_view(), "smm-order-cancel"),
    route(f"{V1}/orders/{{order_id}}/refill", views.Refill.as_view(), "smm-order-refill"),
]
