"""segtrt: from a PyTorch segmentation network to inference engines proven on real images.

Importing any module of this package is cheap: torch, onnx, onnxruntime, openvino, tensorrt and
pycuda are imported inside the functions that use them.
"""
